//! What a field of an input is: how it is read, what its absence means, and how the document describes it.

use deserr::{Deserr, IntoValue, Map as _, Value, ValuePointerRef};
use serde_json::{Value as Json, json};
use utoipa::openapi::{RefOr, Schema};

use super::problems::Problems;

/// Named schemas that a field refers to.
pub type Components = Vec<(String, RefOr<Schema>)>;

/// A type that may stand in an [`input!`](super::input) declaration.
///
/// Only types that obey the rules of platform spec §1 and §3 implement it: `String`, `bool`, `i64` and `f64` do
/// not, because they would let through NUL characters or refuse what the contract accepts.
pub trait Field: Deserr<Problems> {
    /// Whether the literal `null` in a query string means "not given".
    const NULLABLE: bool = false;

    /// The JSON Schema of a value, as in the contract.
    fn shape() -> Json;

    /// The value when the field is not there; `None` makes the field required.
    fn absent() -> Option<Self> {
        None
    }

    /// The value as the document shows it when it is a default; `None` leaves it out.
    fn shown(&self) -> Option<Json> {
        None
    }

    /// Adds the named schemas that [`Field::shape`] refers to.
    fn components(_into: &mut Components) {}
}

fn nullable(shape: Json) -> Json {
    json!({ "anyOf": [shape, { "type": "null" }] })
}

impl<T: Field> Field for Option<T> {
    const NULLABLE: bool = true;

    fn shape() -> Json {
        nullable(T::shape())
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn components(into: &mut Components) {
        T::components(into);
    }
}

/// A field of a PATCH body in which absent and `null` mean different things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not there: leave it as it is.
    #[default]
    Absent,
    /// `null`: clear it.
    Null,
    /// A new value.
    Value(T),
}

impl<T> Patch<T> {
    /// Whether the field is there, with a value or `null`.
    #[must_use]
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The value, with absent and `null` both as `None`, for fields in which they mean the same.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// `None` when absent, `Some(None)` for `null`: the form services take.
    #[must_use]
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// The same with the value converted.
    #[must_use]
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(convert(value)),
        }
    }
}

impl<T: Deserr<Problems>> Deserr<Problems> for Patch<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        match value {
            Value::Null => Ok(Self::Null),
            value => T::deserialize_from_value(value, at).map(Self::Value),
        }
    }
}

impl<T: Field> Field for Patch<T> {
    const NULLABLE: bool = true;

    fn shape() -> Json {
        nullable(T::shape())
    }

    fn absent() -> Option<Self> {
        Some(Self::Absent)
    }

    fn components(into: &mut Components) {
        T::components(into);
    }
}

/// A field that may be left out but not set to `null`: `null` is a type error of `T`.
///
/// The contract spells these nullable, because the original crashed on the `null` it announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonNull<T>(pub Option<T>);

impl<T> Default for NonNull<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Deserr<Problems>> Deserr<Problems> for NonNull<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        T::deserialize_from_value(value, at).map(|value| Self(Some(value)))
    }
}

impl<T: Field> Field for NonNull<T> {
    fn shape() -> Json {
        nullable(T::shape())
    }

    fn absent() -> Option<Self> {
        Some(Self(None))
    }

    fn components(into: &mut Components) {
        T::components(into);
    }
}

impl<T: Field> Field for Vec<T> {
    fn shape() -> Json {
        json!({ "type": "array", "items": T::shape() })
    }

    fn components(into: &mut Components) {
        T::components(into);
    }
}

/// A list with a least and a greatest length (`too_short`, `too_long`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MIN: usize = 0, const MAX: usize = { usize::MAX }>(pub Vec<T>);

impl<T, const MIN: usize, const MAX: usize> Deserr<Problems> for List<T, MIN, MAX>
where
    T: Deserr<Problems>,
{
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        if let Value::Sequence(items) = &value {
            let length = deserr::Sequence::len(items);
            check_length(length, MIN, MAX, at)?;
        }
        Vec::deserialize_from_value(value, at).map(Self)
    }
}

fn check_length(length: usize, min: usize, max: usize, at: ValuePointerRef<'_>) -> Result<(), Problems> {
    if length < min {
        let msg = format!("List should have at least {min} items, not {length}");
        let ctx = json!({ "field_type": "List", "min_length": min, "actual_length": length });
        return Err(Problems::one("too_short", at, msg).with(ctx));
    }
    if length > max {
        let msg = format!("List should have at most {max} items, not {length}");
        let ctx = json!({ "field_type": "List", "max_length": max, "actual_length": length });
        return Err(Problems::one("too_long", at, msg).with(ctx));
    }
    Ok(())
}

impl<T: Field, const MIN: usize, const MAX: usize> Field for List<T, MIN, MAX> {
    fn shape() -> Json {
        let mut shape = Vec::<T>::shape();
        if MIN > 0 {
            shape["minItems"] = MIN.into();
        }
        if MAX < usize::MAX {
            shape["maxItems"] = MAX.into();
        }
        shape
    }

    fn components(into: &mut Components) {
        T::components(into);
    }
}

/// Reads the fields of one object in their declared order and keeps what is wrong with them.
///
/// [`input!`](super::input) writes code against it.
pub struct Reader<'a, V: IntoValue> {
    fields: V::Map,
    at: ValuePointerRef<'a>,
    problems: Problems,
}

impl<'a, V: IntoValue> Reader<'a, V> {
    /// Starts on an object.
    ///
    /// # Errors
    /// `model_attributes_type` when it is something else.
    pub fn open(value: Value<V>, at: ValuePointerRef<'a>) -> Result<Self, Problems> {
        match value {
            Value::Map(fields) => Ok(Self { fields, at, problems: Problems::none() }),
            other => Err(Problems::kind("model_attributes_type", at, &other)),
        }
    }

    /// Reads a field that has no default; what is wrong with it is kept.
    pub fn field<T: Field>(&mut self, name: &str) -> Option<T> {
        self.read(name, T::absent)
    }

    /// Reads a field that has a default.
    pub fn field_or<T: Field>(&mut self, name: &str, default: impl FnOnce() -> T) -> Option<T> {
        self.read(name, || Some(default()))
    }

    fn read<T: Field>(&mut self, name: &str, absent: impl FnOnce() -> Option<T>) -> Option<T> {
        let result = match self.fields.remove(name) {
            Some(value) => T::deserialize_from_value(value.into_value(), self.at.push_key(name)),
            None => absent().ok_or_else(|| Problems::missing(self.at, name)),
        };
        result.map_err(|found| self.problems.add(found)).ok()
    }

    /// Ends the reading: what was wrong.
    #[must_use]
    pub fn into_problems(self) -> Problems {
        self.problems
    }
}

/// Where a rule about several fields of one input reports what it finds.
pub struct Rules<'a> {
    at: ValuePointerRef<'a>,
    problems: Problems,
}

impl<'a> Rules<'a> {
    /// Applies `check` to a decoded input.
    ///
    /// # Errors
    /// What `check` reported.
    pub fn apply<T>(
        input: T,
        at: ValuePointerRef<'a>,
        check: impl FnOnce(&T, &mut Rules<'_>),
    ) -> Result<T, Problems> {
        let mut rules = Rules { at, problems: Problems::none() };
        check(&input, &mut rules);
        if rules.problems.is_empty() { Ok(input) } else { Err(rules.problems) }
    }

    /// The input as a whole breaks a rule.
    pub fn whole(&mut self, reason: &'static str) {
        self.problems.add(Problems::rule(self.at, reason));
    }

    /// One field breaks a rule.
    pub fn field(&mut self, name: &str, reason: &'static str) {
        self.problems.add(Problems::rule(self.at.push_key(name), reason));
    }
}
