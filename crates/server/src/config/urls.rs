//! Addresses of other systems. They may carry a password, which is never shown.

use std::fmt;

use super::refusal::Refusal;

/// A database address in one of the accepted forms.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// The address of a Redis server.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl DatabaseUrl {
    /// Reads `sqlite://PATH`, `postgres://…`, `postgresql://…` or `postgresql+psycopg://…`; the last three mean the
    /// same and become the first of them.
    ///
    /// # Errors
    /// For any other scheme, and for an SQLite address without a path.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite://") {
            let file = path.split('?').next().unwrap_or_default();
            if file.is_empty() || file.starts_with(":memory:") {
                return Err(Refusal::new(
                    "names no SQLite file",
                    "set it to sqlite://data/mission-control.db, or remove it",
                ));
            }
            return Ok(Self(text.to_owned()));
        }
        let rest = ["postgresql+psycopg://", "postgresql://", "postgres://"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix));
        match rest {
            Some(rest) if !rest.is_empty() => Ok(Self(format!("postgres://{rest}"))),
            _ => Err(Refusal::new(
                "is not a database address",
                "set it to postgres://USER:PASSWORD@HOST:5432/NAME or sqlite://PATH, or remove it to use a file in \
                 DATA_DIR",
            )),
        }
    }

    /// The SQLite file below `folder`.
    #[must_use]
    pub fn sqlite_in(folder: &std::path::Path) -> Self {
        Self(format!("sqlite://{}", folder.join("mission-control.db").display()))
    }

    /// The whole address, password included.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The file, when this is SQLite.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<&std::path::Path> {
        let path = self.0.strip_prefix("sqlite://")?;
        path.split('?').next().map(std::path::Path::new)
    }
}

impl RedisUrl {
    /// Reads `redis://…`, `rediss://…`, `redis+unix://…` or `unix://…`.
    ///
    /// # Errors
    /// For any other scheme.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
        if known.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())) {
            return Ok(Self(text.to_owned()));
        }
        Err(Refusal::new("is not a Redis address", "set it to redis://HOST:6379/0"))
    }

    /// The whole address, password included.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The address of a Redis server, or nothing when the variable is blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalRedisUrl(pub Option<RedisUrl>);

impl OptionalRedisUrl {
    /// As [`RedisUrl::parse`], but blank means "not set".
    ///
    /// # Errors
    /// When it is neither blank nor a Redis address.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.trim().is_empty() { Ok(Self(None)) } else { RedisUrl::parse(text).map(|url| Self(Some(url))) }
    }
}

/// `url` with the password of its user part, and any `password` parameter, replaced by `***`.
#[must_use]
pub fn redact(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may itself hold `/` or `?` by mistake: the last `@` before the path decides, else the first after.
    let at = rest[..authority_end].rfind('@').or_else(|| rest.find('@'));
    let rest = match at {
        Some(at) => match rest[..at].split_once(':') {
            Some((user, _)) => format!("{user}:***{}", &rest[at..]),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let rest = hide_parameter(&rest);
    if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") }
}

fn hide_parameter(rest: &str) -> String {
    let Some((path, query)) = rest.split_once('?') else { return rest.to_owned() };
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", shown.join("&"))
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_postgres_forms_mean_the_same() {
        for form in ["postgres://u:p@h/db", "postgresql://u:p@h/db", "postgresql+psycopg://u:p@h/db"] {
            let url = DatabaseUrl::parse(form).expect("accepted");
            assert_eq!(url.expose(), "postgres://u:p@h/db", "{form}");
            assert_eq!(url.sqlite_file(), None);
        }
        let file = DatabaseUrl::parse("sqlite:///var/lib/mc.db?mode=rwc").expect("accepted");
        assert_eq!(file.sqlite_file(), Some(std::path::Path::new("/var/lib/mc.db")));
        for wrong in ["", "mysql://h/db", "postgres://", "sqlite://", "sqlite://:memory:", "data.db"] {
            assert!(DatabaseUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_never_shown() {
        for (url, shown) in [
            ("postgres://user:secret@host:5432/db", "postgres://user:***@host:5432/db"),
            ("postgres://user:se@cret@host/db", "postgres://user:***@host/db"),
            ("postgres://user:se/cret@host/db", "postgres://user:***@host/db"),
            ("redis://:secret@host/0", "redis://:***@host/0"),
            ("postgres://host/db?user=u&password=secret", "postgres://host/db?user=u&password=***"),
            ("postgres://user@host/db", "postgres://user@host/db"),
            ("sqlite://data/mc.db", "sqlite://data/mc.db"),
        ] {
            assert_eq!(redact(url), shown);
        }
        let url = DatabaseUrl::parse("postgres://user:secret@host/db").expect("accepted");
        assert_eq!(format!("{url} {url:?}"), "postgres://user:***@host/db postgres://user:***@host/db");
    }
}
