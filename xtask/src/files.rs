//! Length and names of source files.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest a source file may be; what is longer holds more than one subject.
const MOST_LINES: usize = 600;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "util", "common", "helpers", "misc"];
/// Folders that hold no source of ours.
const SKIPPED: [&str; 5] = ["target", "data", "node_modules", ".git", ".cache"];

pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(root, &mut files);
    files.sort();
    let mut faults = Vec::new();
    for file in &files {
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        if has_empty_name(&shown) {
            faults.push(format!("{shown}: name the module after what it holds"));
        }
        let lines = fs::read_to_string(file).map_or(0, |text| text.lines().count());
        if lines > MOST_LINES {
            faults.push(format!("{shown}: {lines} lines, the ceiling is {MOST_LINES}"));
        }
    }
    faults
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !SKIPPED.iter().any(|skipped| name == *skipped) {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn has_empty_name(path: &str) -> bool {
    path.trim_end_matches(".rs").split('/').any(|part| EMPTY_NAMES.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_meaning_are_found_as_file_and_as_folder() {
        assert!(has_empty_name("crates/api/src/utils.rs"));
        assert!(has_empty_name("crates/api/src/helpers/mod.rs"));
        assert!(has_empty_name("crates/api/tests/common/mod.rs"));
        assert!(!has_empty_name("crates/api/src/common_origin.rs"));
        assert!(!has_empty_name("crates/api/src/page.rs"));
    }
}
