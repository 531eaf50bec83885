//! Where values come from: the process environment over `.env` over `backend/.env` (platform spec §8).
//!
//! Nothing is written to the environment of the process: that is not safe with threads, and a test would see it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use super::refusal::{Fault, Faults, Refusal};

/// One value and the place it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// The value as written.
    pub value: String,
    /// `the environment`, `.env` or `backend/.env`.
    pub origin: &'static str,
}

/// The values found outside the command line, by variable in upper case.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, Sourced>);

impl Sources {
    /// Reads the two files below `folder` and lays `environment` over them. Names are compared without case; of two
    /// spellings in one place the upper-case one wins. Only `known` names are looked at.
    ///
    /// # Errors
    /// When a file is there but cannot be read or has a malformed line, or a known variable is not UTF-8.
    pub fn read(
        folder: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        known: &[String],
    ) -> Result<Self, Faults> {
        let mut found = Self::default();
        found.add_file(folder, "backend/.env", known)?;
        found.add_file(folder, ".env", known)?;
        found.add_environment(environment, known)?;
        Ok(found)
    }

    /// The value of `variable`, which is in upper case.
    #[must_use]
    pub fn get(&self, variable: &str) -> Option<&Sourced> {
        self.0.get(variable)
    }

    /// All values, by variable.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Sourced)> {
        self.0.iter().map(|(variable, sourced)| (variable.as_str(), sourced))
    }

    fn add_file(&mut self, folder: &Path, name: &'static str, known: &[String]) -> Result<(), Faults> {
        let lines = match dotenvy::from_path_iter(folder.join(name)) {
            Ok(lines) => lines,
            Err(dotenvy::Error::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(name, &error).into()),
        };
        let pairs = lines.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(name, &error))?;
        self.lay_over(name, pairs, known);
        Ok(())
    }

    fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        known: &[String],
    ) -> Result<(), Faults> {
        let mut pairs = Vec::new();
        for (name, value) in environment {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => pairs.push((name, value)),
                Err(_) if known.contains(&name.to_ascii_uppercase()) => return Err(not_text(name).into()),
                Err(_) => {}
            }
        }
        self.lay_over("the environment", pairs, known);
        Ok(())
    }

    fn lay_over(&mut self, origin: &'static str, mut pairs: Vec<(String, String)>, known: &[String]) {
        pairs.sort_by_key(|(name, _)| name.chars().all(|c| !c.is_ascii_lowercase()));
        for (name, value) in pairs {
            let variable = name.to_ascii_uppercase();
            if known.contains(&variable) {
                self.0.insert(variable, Sourced { value, origin });
            }
        }
    }
}

fn unreadable(file: &str, error: &dotenvy::Error) -> Fault {
    // A parse error of the library shows the whole line, which may hold a secret.
    let problem = match error {
        dotenvy::Error::LineParse(_, position) => {
            format!("has a malformed line (near character {position} of it)")
        }
        other => format!("cannot be read: {other}"),
    };
    let fix = "write each line as NAME=value, with quotes around a value that has blanks or #";
    Fault { variable: file.to_owned(), source: None, value: None, refusal: Refusal::new(problem, fix) }
}

fn not_text(variable: String) -> Fault {
    let refusal = Refusal::new("is not UTF-8 text", "set it again from a UTF-8 terminal");
    Fault { variable, source: Some("the environment".to_owned()), value: None, refusal }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<String> {
        ["HOST", "PORT", "LOG_LEVEL"].map(str::to_owned).to_vec()
    }

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn the_environment_beats_dotenv_beats_backend_dotenv() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("backend")).expect("a folder");
        std::fs::write(folder.path().join("backend/.env"), "HOST=b\nPORT=1\nLOG_LEVEL=b\nOTHER=x\n")
            .expect("written");
        std::fs::write(folder.path().join(".env"), "# comment\nport=2\nexport LOG_LEVEL=\"d e\"\n")
            .expect("written");
        let env = environment(&[("log_level", "lower"), ("LOG_LEVEL", ""), ("PATH", "/bin")]);

        let found = Sources::read(folder.path(), env, &known()).expect("readable");

        let value = |name: &str| found.get(name).map(|s| (s.value.clone(), s.origin));
        assert_eq!(value("HOST"), Some(("b".to_owned(), "backend/.env")));
        assert_eq!(value("PORT"), Some(("2".to_owned(), ".env")));
        assert_eq!(
            value("LOG_LEVEL"),
            Some((String::new(), "the environment")),
            "upper case wins, empty is a value"
        );
        assert_eq!(value("PATH"), None);
        assert_eq!(value("OTHER"), None);
    }

    #[test]
    fn a_malformed_file_is_named_without_its_content() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".env"), "LOCAL_AUTH_TOKEN=my secret words\n").expect("written");

        let faults = Sources::read(folder.path(), Vec::new(), &known()).expect_err("malformed");

        let shown = faults.to_string();
        assert!(shown.contains(".env has a malformed line"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
