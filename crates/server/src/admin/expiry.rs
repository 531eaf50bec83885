//! When a token ends, as people write it.

use std::time::Duration;

use mc_model::Timestamp;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Not by itself.
    Never,
    /// This long after it is made.
    After(Duration),
    /// At this moment, in UTC.
    At(Timestamp),
}

impl Expiry {
    /// Reads `never`, a whole number with `h`, `d` or `w`, a date, or a date with a time.
    ///
    /// # Errors
    /// A sentence with examples for anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("never") {
            return Ok(Self::Never);
        }
        let span = after(text).map(Self::After);
        let end = span.or_else(|| Timestamp::parse_iso(text).map(Self::At));
        end.ok_or_else(|| "write it like 12h, 30d, 8w, 2027-01-31, or never".to_owned())
    }

    /// The end of a token that is made at `now`.
    #[must_use]
    pub fn end(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::After(span) => Some(now.after(span)),
            Self::At(end) => Some(end),
        }
    }
}

fn after(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        'h' => HOUR,
        'd' => DAY,
        'w' => WEEK,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spans_dates_and_never() {
        let now = Timestamp::parse_iso("2026-01-01").expect("a date");
        let end = |text: &str| Expiry::parse(text).map(|expiry| expiry.end(now).map(|at| at.to_string()));
        assert_eq!(end("30d"), Ok(Some("2026-01-31T00:00:00".to_owned())));
        assert_eq!(end("12h"), Ok(Some("2026-01-01T12:00:00".to_owned())));
        assert_eq!(end("2w"), Ok(Some("2026-01-15T00:00:00".to_owned())));
        assert_eq!(end("2027-01-31"), Ok(Some("2027-01-31T00:00:00".to_owned())));
        assert_eq!(end("Never"), Ok(None));
        for wrong in ["", "d", "0d", "-1d", "1.5d", "30", "30x", "soon", "99999999999999999999d", "3é"] {
            assert!(end(wrong).is_err(), "{wrong}");
        }
    }
}
