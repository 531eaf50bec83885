//! The forms of dates and moments that custom fields take: those of ISO 8601 that the original's language reads.

use chrono::{NaiveDate, NaiveTime, Weekday};

/// `YYYY-MM-DD`, `YYYYMMDD`, and the week forms `YYYY-Www-D`, `YYYYWwwD`, `YYYY-Www`, `YYYYWww`.
pub(super) fn is_date(text: &str) -> bool {
    date(text).is_some()
}

fn date(text: &str) -> Option<NaiveDate> {
    if !text.is_ascii() {
        return None;
    }
    let compact: String = match text.len() {
        10 if &text[4..5] == "-" && (&text[7..8] == "-" || &text[8..9] == "-") => text.replace('-', ""),
        8 if &text[4..6] == "-W" => text.replace('-', ""),
        7 | 8 => text.to_owned(),
        _ => return None,
    };
    let year = number(compact.get(..4)?)?;
    if compact.as_bytes().get(4) == Some(&b'W') {
        let week = number(compact.get(5..7)?)?;
        let day = match compact.get(7..)? {
            "" => 1,
            day => number(day)?,
        };
        let weekday = Weekday::try_from(u8::try_from(day).ok()?.checked_sub(1)?).ok()?;
        return NaiveDate::from_isoywd_opt(i32::try_from(year).ok()?, week, weekday);
    }
    if compact.len() != 8 || (text.len() == 10 && &text[7..8] != "-") {
        return None;
    }
    let (month, day) = (number(compact.get(4..6)?)?, number(compact.get(6..8)?)?);
    NaiveDate::from_ymd_opt(i32::try_from(year).ok().filter(|year| *year > 0)?, month, day)
}

/// A date, then any separator and a time with an optional offset. Surrounding blanks are ignored, a trailing upper
/// case `Z` is the offset zero.
pub(super) fn is_date_time(text: &str) -> bool {
    let text = text.trim();
    if is_date(text) {
        return true;
    }
    // The date is as long as can be read; one character separates it from the time.
    [10, 8, 7].into_iter().any(|length| {
        let (Some(day), Some(rest)) = (text.get(..length), text.get(length..)) else { return false };
        let mut rest = rest.chars();
        is_date(day) && rest.next().is_some() && is_time(rest.as_str())
    })
}

/// `HH`, `HH:MM`, `HH:MM:SS` with a fraction, or the same without colons; then nothing, `Z` or an offset.
fn is_time(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let clock_end = text.find(['+', '-', 'Z']).unwrap_or(text.len());
    let (clock, offset) = text.split_at(clock_end);
    let is_offset = match offset.strip_prefix(['+', '-']) {
        Some(span) => is_clock(span),
        None => offset.is_empty() || offset == "Z",
    };
    is_clock(clock) && is_offset
}

fn is_clock(text: &str) -> bool {
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let has_colons = whole.contains(':');
    let parts: Vec<&str> = if has_colons {
        whole.split(':').collect()
    } else {
        whole.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default()).collect()
    };
    if parts.is_empty() || parts.len() > 3 || parts.iter().any(|part| part.len() != 2) {
        return false;
    }
    let numbers: Option<Vec<u32>> = parts.iter().map(|part| number(part)).collect();
    let Some(numbers) = numbers else { return false };
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let has_good_fraction = fraction.is_none_or(|digits| {
        numbers.len() == 3 && !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    });
    has_good_fraction && NaiveTime::from_hms_opt(at(0), at(1), at(2)).is_some()
}

fn number(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_date_forms() {
        for good in ["2030-01-31", "20300131", "2030-W01-1", "2030W011", "2030-W01", "2030W01"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "2030-02-30",
            "2030-1-1",
            " 2030-01-01",
            "2030-W54",
            "2030-W01-8",
            "2030/01/01",
            "",
            "203001",
            "2030-0101",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn reads_the_date_time_forms() {
        for good in [
            "2030-01-31",
            " 2030-01-31T10:20:30Z ",
            "2030-01-31 10:20",
            "2030-01-31T10",
            "20300131T102030",
            "2030-01-31T10:20:30.123456+02:00",
            "2030-01-31T10:20:30-0130",
            "2030-W01-1T10:20",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "2030-01-31T10:20:30z",
            "2030-01-31T",
            "2030-01-31T25:00",
            "2030-01-31T10:20:61",
            "tomorrow",
            "2030-01-31T10:20:30+2",
            "2030-01-31T1:2",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }
}
