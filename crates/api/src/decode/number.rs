//! Numbers and truth values, read as leniently as platform spec §1 says.
//!
//! What no client depends on is refused (decisions §2): booleans as numbers, and underscores in numbers.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use serde_json::{Value as Json, json};

use super::field::Field;
use super::problems::Problems;

/// An integer from `MIN` to `MAX`, also accepted as an integral number such as `1.0` and as text such as `"05"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int<const MIN: i64 = { i64::MIN }, const MAX: i64 = { i64::MAX }>(pub i64);

/// A finite number from `MIN` to `MAX`, also accepted as text.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Real<const MIN: i64 = { i64::MIN }, const MAX: i64 = { i64::MAX }>(pub f64);

/// A truth value: `true`, `false`, `1`, `0`, and the texts `true t yes y on 1 false f no n off 0` in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flag(pub bool);

/// An integer of any size, as far as bounds need to know it.
enum Wide {
    Fits(i64),
    TooLarge,
    TooSmall,
}

impl<const MIN: i64, const MAX: i64> Deserr<Problems> for Int<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let wide = match value {
            Value::Integer(n) => i64::try_from(n).map_or(Wide::TooLarge, Wide::Fits),
            Value::NegativeInteger(n) => Wide::Fits(n),
            Value::Float(n) => integral(n, at)?,
            Value::String(text) => parse_integer(&text).ok_or_else(|| {
                Problems::one("int_parsing", at, "Input should be an integer, but this text is none")
            })?,
            other => return Err(Problems::kind("int_type", at, &other)),
        };
        match wide {
            Wide::Fits(n) if n < MIN => Err(below(at, MIN.into())),
            Wide::TooSmall => Err(below(at, MIN.into())),
            Wide::Fits(n) if n > MAX => Err(above(at, MAX.into())),
            Wide::TooLarge => Err(above(at, MAX.into())),
            Wide::Fits(n) => Ok(Self(n)),
        }
    }
}

fn integral(number: f64, at: ValuePointerRef<'_>) -> Result<Wide, Problems> {
    /// The first number that no longer fits: 2^63, exactly representable.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() != 0.0 {
        return Err(Problems::one("int_from_float", at, "Input should be an integer, but it has a fraction"));
    }
    Ok(if number >= LIMIT {
        Wide::TooLarge
    } else if number < -LIMIT {
        Wide::TooSmall
    } else {
        Wide::Fits(number as i64)
    })
}

/// Reads `+5`, `05`, ` 7 ` and `1.0`, but not `1.5`, `1e1` or `1_0`.
fn parse_integer(text: &str) -> Option<Wide> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = match digits.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
    Some(match signed.parse() {
        Ok(n) => Wide::Fits(n),
        Err(_) if negative => Wide::TooSmall,
        Err(_) => Wide::TooLarge,
    })
}

fn below(at: ValuePointerRef<'_>, least: Json) -> Problems {
    let msg = format!("Input should be greater than or equal to {least}");
    Problems::one("greater_than_equal", at, msg).with(json!({ "ge": least }))
}

fn above(at: ValuePointerRef<'_>, greatest: Json) -> Problems {
    let msg = format!("Input should be less than or equal to {greatest}");
    Problems::one("less_than_equal", at, msg).with(json!({ "le": greatest }))
}

fn bounds(kind: &str, min: i64, max: i64) -> Json {
    let mut shape = json!({ "type": kind });
    if min > i64::MIN {
        shape["minimum"] = min.into();
    }
    if max < i64::MAX {
        shape["maximum"] = max.into();
    }
    shape
}

impl<const MIN: i64, const MAX: i64> Field for Int<MIN, MAX> {
    fn shape() -> Json {
        bounds("integer", MIN, MAX)
    }

    fn shown(&self) -> Option<Json> {
        Some(self.0.into())
    }
}

impl<const MIN: i64, const MAX: i64> Deserr<Problems> for Real<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let number = match value {
            Value::Integer(n) => n as f64,
            Value::NegativeInteger(n) => n as f64,
            Value::Float(n) => n,
            Value::String(text) => text.trim().parse().map_err(|_| {
                Problems::one("float_parsing", at, "Input should be a number, but this text is none")
            })?,
            other => return Err(Problems::kind("float_type", at, &other)),
        };
        if !number.is_finite() {
            return Err(Problems::one("finite_number", at, "Input should be a finite number"));
        }
        if MIN > i64::MIN && number < MIN as f64 {
            return Err(below(at, (MIN as f64).into()));
        }
        if MAX < i64::MAX && number > MAX as f64 {
            return Err(above(at, (MAX as f64).into()));
        }
        Ok(Self(number))
    }
}

impl<const MIN: i64, const MAX: i64> Field for Real<MIN, MAX> {
    fn shape() -> Json {
        bounds("number", MIN, MAX)
    }

    fn shown(&self) -> Option<Json> {
        Some(self.0.into())
    }
}

impl Deserr<Problems> for Flag {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let read = match value {
            Value::Boolean(flag) => Some(flag),
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            Value::Float(0.0) => Some(false),
            Value::Float(1.0) => Some(true),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
                "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
                _ => None,
            },
            Value::Integer(_) | Value::NegativeInteger(_) | Value::Float(_) => None,
            other => return Err(Problems::kind("bool_type", at, &other)),
        };
        read.map(Self).ok_or_else(|| {
            Problems::one("bool_parsing", at, "Input should be true or false, but it is neither")
        })
    }
}

impl Field for Flag {
    fn shape() -> Json {
        json!({ "type": "boolean" })
    }

    fn shown(&self) -> Option<Json> {
        Some(self.0.into())
    }
}
