//! The token of local mode when none is configured: made at the first start and kept in the data folder.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::values;

/// Random bytes of a made token; 64 characters, above the 50 that local mode asks for.
const TOKEN_BYTES: usize = 48;

/// The token and where people find it.
#[derive(Debug)]
pub struct LocalToken {
    /// The token itself.
    pub token: SecretString,
    /// Where it is kept.
    pub place: Place,
}

/// Where the token is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `LOCAL_AUTH_TOKEN`.
    Configured,
    /// In this file, since an earlier start.
    File(PathBuf),
    /// In this file, made just now: this is the one time it is printed.
    NewFile(PathBuf),
}

/// The configured token, else the one in `file`, else a new one that is then in `file` for its owner only.
///
/// # Errors
/// When the file cannot be read or written, or holds something else than a token of 50 characters or more.
pub fn obtain(configured: Option<SecretString>, file: &Path) -> io::Result<LocalToken> {
    if let Some(token) = configured {
        return Ok(LocalToken { token, place: Place::Configured });
    }
    match read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(file),
        outcome => outcome,
    }
}

fn read(file: &Path) -> io::Result<LocalToken> {
    let text = std::fs::read_to_string(file)?;
    let token = values::local_token(&text).map_err(|refusal| {
        let message =
            format!("the token in {} {}; delete the file to get a new one", file.display(), refusal.problem);
        io::Error::new(io::ErrorKind::InvalidData, message)
    })?;
    Ok(LocalToken { token, place: Place::File(file.to_owned()) })
}

/// The file appears whole or not at all: written under another name, then linked, which fails when a rival was first.
fn create(file: &Path) -> io::Result<LocalToken> {
    let token = SecretString::from(mc_model::secret::generate(TOKEN_BYTES).map_err(io::Error::other)?);
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".local-auth-token.{}", std::process::id()));
    write_for_owner(&draft, token.expose_secret())?;
    let linked = std::fs::hard_link(&draft, file);
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(LocalToken { token, place: Place::NewFile(file.to_owned()) }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(error),
    }
}

fn write_for_owner(file: &Path, token: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut draft = options.open(file)?;
    writeln!(draft, "{token}")?;
    draft.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_makes_a_token_and_the_next_ones_find_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data/local-auth-token");

        let first = obtain(None, &file).expect("made");
        let second = obtain(None, &file).expect("found");

        assert_eq!(first.place, Place::NewFile(file.clone()));
        assert_eq!(second.place, Place::File(file.clone()));
        assert_eq!(first.token.expose_secret(), second.token.expose_secret());
        assert_eq!(first.token.expose_secret().len(), 64);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let left: Vec<_> = std::fs::read_dir(file.parent().expect("a parent")).expect("a folder").collect();
        assert_eq!(left.len(), 1, "no draft is left");
    }

    #[test]
    fn a_configured_token_touches_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("local-auth-token");
        let token = obtain(Some("x".repeat(50).into()), &file).expect("configured");
        assert_eq!(token.place, Place::Configured);
        assert!(!file.exists());
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("local-auth-token");
        std::fs::write(&file, "short\n").expect("written");
        let error = obtain(None, &file).expect_err("damaged").to_string();
        assert!(error.contains("local-auth-token") && error.contains("50 characters"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).expect("kept"), "short\n");
    }
}
