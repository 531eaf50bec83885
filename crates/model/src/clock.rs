//! Time: the only source of "now", and the form in which the API shows it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use serde::{Serialize, Serializer};

/// A moment in UTC with microsecond precision, stored and shown without a zone suffix.
///
/// The wire form is `2026-11-22T06:03:50.798295`; the fraction is left out when it is zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NaiveDateTime);

impl Timestamp {
    /// Cuts a naive UTC date-time to microseconds, the precision both databases keep.
    #[must_use]
    pub fn from_naive(value: NaiveDateTime) -> Self {
        let micros = value.nanosecond() / 1_000 * 1_000;
        Self(value.with_nanosecond(micros).unwrap_or(value))
    }

    /// The naive UTC date-time.
    #[must_use]
    pub fn naive(self) -> NaiveDateTime {
        self.0
    }

    /// The moment given as microseconds since 1970-01-01 UTC, when it can be represented.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(|at| Self(at.naive_utc()))
    }

    /// Microseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0.and_utc().timestamp_micros()
    }

    /// This moment plus `span`; saturates at the end of time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        chrono::TimeDelta::from_std(span)
            .ok()
            .and_then(|delta| self.0.checked_add_signed(delta))
            .map_or(Self(NaiveDateTime::MAX), Self::from_naive)
    }

    /// This moment minus `span`; saturates at the beginning of time.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        chrono::TimeDelta::from_std(span)
            .ok()
            .and_then(|delta| self.0.checked_sub_signed(delta))
            .map_or(Self(NaiveDateTime::MIN), Self::from_naive)
    }

    /// The time from `earlier` to this moment, zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or_default()
    }

    /// Reads an ISO 8601 date-time (with or without offset), or a date (midnight).
    ///
    /// An offset is converted to UTC; without one the value is taken as UTC.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Some(Self::from_naive(at.naive_utc()));
        }
        const ZONED: [&str; 6] = [
            "%Y-%m-%dT%H:%M:%S%.f%#z",
            "%Y-%m-%d %H:%M:%S%.f%#z",
            "%Y-%m-%dT%H:%M%#z",
            "%Y-%m-%d %H:%M%#z",
            "%Y-%m-%d %H:%M:%S%.fZ",
            "%Y-%m-%dT%H:%MZ",
        ];
        for format in ZONED {
            if format.ends_with('Z') {
                if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
                    return Some(Self::from_naive(at));
                }
            } else if let Ok(at) = DateTime::parse_from_str(text, format) {
                return Some(Self::from_naive(at.naive_utc()));
            }
        }
        const NAIVE: [&str; 4] =
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        for format in NAIVE {
            if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
                return Some(Self::from_naive(at));
            }
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        date.and_hms_opt(0, 0, 0).map(Self)
    }
}

impl fmt::Display for Timestamp {
    /// By hand, because a page of tasks shows hundreds of moments and a format description is read anew for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        if !(0..=9999).contains(&date.year()) {
            return write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S%.6f"));
        }
        let mut text = *b"0000-00-00T00:00:00.000000";
        digits(&mut text[0..4], date.year().unsigned_abs());
        digits(&mut text[5..7], date.month());
        digits(&mut text[8..10], date.day());
        digits(&mut text[11..13], time.hour());
        digits(&mut text[14..16], time.minute());
        digits(&mut text[17..19], time.second());
        digits(&mut text[20..26], time.nanosecond() / 1_000);
        let shown = if time.nanosecond() == 0 { &text[..19] } else { &text[..] };
        f.write_str(std::str::from_utf8(shown).expect("digits and punctuation are UTF-8"))
    }
}

/// Writes the decimal digits of `value`, filling `into` from the right.
fn digits(into: &mut [u8], mut value: u32) {
    for place in into.iter_mut().rev() {
        *place = b"0123456789"[(value % 10) as usize];
        value /= 10;
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A random part of `ceiling`, so that rivals who back off do not meet again.
#[must_use]
pub fn jitter(ceiling: Duration) -> Duration {
    let mut raw = [0_u8; 4];
    // Without randomness all rivals wait the full time: slower, not wrong.
    let share = getrandom::fill(&mut raw).map_or(u32::MAX, |()| u32::from_le_bytes(raw));
    ceiling.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// Where "now" comes from; tests put their own clock here.
pub trait Clock: Send + Sync + 'static {
    /// The present moment, cut to microseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::from_naive(Utc::now().naive_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_six_digits_or_none() {
        for (input, shown) in [
            ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
            ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100000"),
            ("2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05"),
            ("2026-01-02 03:04", "2026-01-02T03:04:00"),
            ("2026-01-02", "2026-01-02T00:00:00"),
            ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456"),
        ] {
            let parsed = Timestamp::parse_iso(input).map(|at| at.to_string());
            assert_eq!(parsed.as_deref(), Some(shown), "{input}");
        }
        assert_eq!(Timestamp::parse_iso("soon"), None);
        assert_eq!(Timestamp::parse_iso(""), None);
    }
}
