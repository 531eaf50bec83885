//! One parser per kind of value. Each says what is wrong and what to set instead.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use mc_api::limit::Limit;
use secrecy::SecretString;

use super::refusal::Refusal;

/// Texts that people leave in `LOCAL_AUTH_TOKEN` when they copy an example (platform spec §8).
const PLACEHOLDERS: [&str; 4] = ["change-me", "changeme", "replace-me", "replace-with-strong-random-token"];
/// The shortest local token, in characters after trimming (platform spec §8).
const MIN_LOCAL_TOKEN: usize = 50;
/// The longest duration a variable may name, in seconds: one day.
const MAX_SECONDS: f64 = 86_400.0;
/// The longest time a variable may name in hours: ten years.
const MAX_HOURS: u64 = 87_600;
/// The shortest secret key, in characters after trimming.
const MIN_SECRET_KEY: usize = 32;

type Parsed<T> = Result<T, Refusal>;

/// `true/t/yes/y/on/1` or `false/f/no/n/off/0` in any case, without blanks around it.
///
/// # Errors
/// For any other text, the empty one included.
pub fn boolean(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(Refusal::new("is not a yes-or-no value", "set it to true or false, or remove it")),
    }
}

/// A whole number of 0 or more.
///
/// # Errors
/// When it is negative, has a fraction, or is larger than 2^63-1.
pub fn count(text: &str) -> Parsed<u64> {
    let refusal =
        || Refusal::new("is not a whole number of 0 or more", "set it to digits only, such as 1000");
    let number: i64 = text.trim().parse().map_err(|_| refusal())?;
    u64::try_from(number).map_err(|_| refusal())
}

/// A whole number of 1 or more.
///
/// # Errors
/// As [`count`], and for 0.
pub fn positive(text: &str) -> Parsed<u64> {
    match count(text) {
        Ok(number) if number > 0 => Ok(number),
        _ => {
            Err(Refusal::new("is not a whole number of 1 or more", "set it to digits only, such as 1048576"))
        }
    }
}

/// A TCP port; 0 asks the system for a free one.
///
/// # Errors
/// When it is not a number from 0 to 65535.
pub fn port(text: &str) -> Parsed<u16> {
    text.trim().parse().map_err(|_| {
        Refusal::new(
            "is not a port",
            "set it to a number from 1 to 65535 such as 8000, or to 0 for any free port",
        )
    })
}

/// A host name or IP address to listen on; brackets around IPv6 are dropped.
///
/// # Errors
/// When it is blank or has characters no host name has.
pub fn host(text: &str) -> Parsed<String> {
    let trimmed = text.trim();
    let bare = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(trimmed);
    let is_name =
        !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name || bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    Err(Refusal::new(
        "is not an address to listen on",
        "set it to 127.0.0.1 for this machine only, or to 0.0.0.0 for every network",
    ))
}

/// A number of seconds from 0 to one day; fractions are allowed.
///
/// # Errors
/// When it is not such a number.
pub fn seconds(text: &str) -> Parsed<Duration> {
    let number: f64 = text.trim().parse().unwrap_or(f64::NAN);
    if (0.0..=MAX_SECONDS).contains(&number) {
        return Ok(Duration::from_secs_f64(number));
    }
    Err(Refusal::new("is not a number of seconds from 0 to 86400", "set it to a number such as 10 or 2.5"))
}

/// A whole number of hours from 0 to ten years.
///
/// # Errors
/// When it is not such a number.
pub fn hours(text: &str) -> Parsed<Duration> {
    match count(text) {
        Ok(hours) if hours <= MAX_HOURS => Ok(Duration::from_secs(hours * 60 * 60)),
        _ => Err(Refusal::new(
            "is not a whole number of hours from 0 to 87600",
            "set it to digits only, such as 336 for 14 days, or to 0 for no end",
        )),
    }
}

/// A secret of 32 characters or more, without the blanks around it.
///
/// # Errors
/// When it is shorter.
pub fn secret_key(text: &str) -> Parsed<SecretString> {
    let key = text.trim();
    if key.chars().count() >= MIN_SECRET_KEY {
        return Ok(key.into());
    }
    Err(Refusal::new(
        "is shorter than 32 characters",
        "set it to the output of `openssl rand -base64 48`, or remove it to have one made",
    ))
}

/// As [`seconds`], above 0: a time-out of nothing would refuse every request.
///
/// # Errors
/// When it is not such a number.
pub fn timeout(text: &str) -> Parsed<Duration> {
    match seconds(text) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err(Refusal::new(
            "is not a number of seconds above 0, up to 86400",
            "set it to a number such as 15",
        )),
    }
}

/// Any text that is not blank; kept as it is.
///
/// # Errors
/// When it is blank.
pub fn text(text: &str) -> Parsed<String> {
    if text.trim().is_empty() {
        return Err(Refusal::new("is blank", "set it to a value, or remove the line to use the default"));
    }
    Ok(text.to_owned())
}

/// A header's value, trimmed; blank switches the header off.
///
/// # Errors
/// When it has characters a header cannot carry.
pub fn header(text: &str) -> Parsed<String> {
    let trimmed = text.trim();
    match HeaderValue::from_str(trimmed) {
        Ok(_) => Ok(trimmed.to_owned()),
        Err(_) => Err(Refusal::new(
            "has a character that an HTTP header cannot carry",
            "use visible ASCII characters, or set it blank to switch the header off",
        )),
    }
}

/// A secret, kept out of every log and report.
///
/// # Errors
/// Never; the type is what clap asks for.
pub fn secret(text: &str) -> Parsed<SecretString> {
    Ok(SecretString::from(text))
}

/// The token of local mode, trimmed.
///
/// # Errors
/// When it is shorter than 50 characters or a placeholder.
pub fn local_token(text: &str) -> Parsed<SecretString> {
    let trimmed = text.trim();
    let fix = "set it to 50 characters or more, for example the output of `openssl rand -hex 32`, \
               or remove it: the server then makes one";
    if PLACEHOLDERS.contains(&trimmed.to_ascii_lowercase().as_str()) {
        return Err(Refusal::new("is still the placeholder of an example file", fix));
    }
    if trimmed.chars().count() < MIN_LOCAL_TOKEN {
        return Err(Refusal::new("is shorter than 50 characters", fix));
    }
    Ok(SecretString::from(trimmed))
}

/// The public URL, trimmed and without trailing slashes.
///
/// # Errors
/// When it is not an absolute http or https URL with a host, or has a query or fragment.
pub fn base_url(text: &str) -> Parsed<String> {
    web_address(text).ok_or_else(|| {
        Refusal::new(
            "is not an http or https URL with a host",
            "set it to the address under which agents reach this server, such as https://mission.example.com",
        )
    })
}

/// The address of an identity provider, trimmed and without trailing slashes.
///
/// # Errors
/// As [`base_url`].
pub fn issuer(text: &str) -> Parsed<String> {
    web_address(text).ok_or_else(|| {
        Refusal::new(
            "is not an http or https URL with a host",
            "set it to the address of the identity provider, such as https://id.example.com",
        )
    })
}

fn web_address(text: &str) -> Option<String> {
    let trimmed = text.trim().trim_end_matches('/');
    let uri: Uri = trimmed.parse().ok()?;
    let scheme = uri.scheme_str().unwrap_or_default();
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    let is_plain = uri.query().is_none() && !trimmed.contains('#');
    (is_web && has_host && is_plain).then(|| trimmed.to_owned())
}

/// Who signs people in (platform spec §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// One token, one user.
    Local,
    /// Session tokens of Clerk.
    Clerk,
    /// Bearer tokens of an OpenID Connect issuer.
    Oidc,
}

/// `local`, `clerk` or `oidc`, in lower case.
///
/// # Errors
/// For any other text.
pub fn auth_mode(text: &str) -> Parsed<AuthMode> {
    match text {
        "local" => Ok(AuthMode::Local),
        "clerk" => Ok(AuthMode::Clerk),
        "oidc" => Ok(AuthMode::Oidc),
        _ => Err(Refusal::new(
            "is none of local, clerk and oidc",
            "set it to local (one token for the whole server)",
        )),
    }
}

/// Where attempts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitBackend {
    /// In this process.
    Memory,
    /// In a Redis shared by all processes.
    Redis,
}

/// `memory` or `redis`, in lower case.
///
/// # Errors
/// For any other text.
pub fn rate_limit_backend(text: &str) -> Parsed<RateLimitBackend> {
    match text {
        "memory" => Ok(RateLimitBackend::Memory),
        "redis" => Ok(RateLimitBackend::Redis),
        _ => Err(Refusal::new(
            "is neither memory nor redis",
            "set it to memory, or to redis when several nodes run",
        )),
    }
}

/// A limit on attempts; nothing when it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts(pub Option<Limit>);

/// `ATTEMPTS/SECONDS`, or `0` for no limit; the form is that of [`Limit::parse`].
///
/// # Errors
/// For any other text, and when a number is out of the bounds of [`Limit`].
pub fn attempts(text: &str) -> Parsed<Attempts> {
    Limit::parse(text).map(Attempts).map_err(|fix| Refusal::new("is not of the form ATTEMPTS/SECONDS", fix))
}
