//! [`input!`]: one declaration of a body or of query parameters that reads it and describes it.

use serde_json::{Map, Value as Json, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType,
    Type,
};
use utoipa::openapi::{Ref, RefOr, Required, Schema};

use super::field::{Components, Field};

/// One field as declared.
pub struct FieldSpec {
    name: &'static str,
    docs: &'static [&'static str],
    shape: Json,
    default: Option<Json>,
    required: bool,
}

impl FieldSpec {
    /// A field without a declared default.
    #[must_use]
    pub fn plain<T: Field>(name: &'static str, docs: &'static [&'static str]) -> Self {
        Self { name, docs, shape: T::shape(), default: None, required: T::absent().is_none() }
    }

    /// A field with a declared default.
    #[must_use]
    pub fn with_default<T: Field>(name: &'static str, docs: &'static [&'static str], default: &T) -> Self {
        Self { name, docs, shape: T::shape(), default: default.shown(), required: false }
    }

    /// The shape with title, default and, when asked for, description.
    fn annotated(&self, describe: bool) -> Json {
        let mut shape = self.shape.clone();
        // The document's types know no title on references and alternatives.
        if shape.get("$ref").is_none() && shape.get("anyOf").is_none() {
            shape["title"] = title(self.name).into();
        }
        if describe && !self.docs.is_empty() {
            shape["description"] = prose(self.docs).into();
        }
        if let Some(default) = &self.default {
            shape["default"] = default.clone();
        }
        shape
    }
}

/// What [`input!`] knows about a type.
pub trait Declared: Sized {
    /// The name of the schema.
    const NAME: &'static str;

    /// The doc comment.
    const DOCS: &'static [&'static str];

    /// The fields in declared order.
    fn specs() -> Vec<FieldSpec>;

    /// Members to add to the schema, such as `x-llm-intent`.
    fn extra() -> Map<String, Json> {
        Map::new()
    }

    /// Adds the schemas that fields refer to.
    fn referred(into: &mut Components);
}

/// The schema of a declared input.
#[must_use]
pub fn schema_of<T: Declared>() -> RefOr<Schema> {
    let mut object = ObjectBuilder::new().title(Some(T::NAME));
    if !T::DOCS.is_empty() {
        object = object.description(Some(prose(T::DOCS)));
    }
    for spec in T::specs() {
        object = object.property(spec.name, to_schema(&spec.annotated(true)));
        if spec.required {
            object = object.required(spec.name);
        }
    }
    let extra = T::extra();
    if !extra.is_empty() {
        object = object.extensions(Some(extra.into_iter().collect::<Extensions>()));
    }
    RefOr::T(object.build().into())
}

/// The query parameters of a declared input.
#[must_use]
pub fn parameters_of<T: Declared>() -> Vec<Parameter> {
    let parameter = |spec: FieldSpec| {
        let describe = (!spec.docs.is_empty()).then(|| prose(spec.docs));
        ParameterBuilder::new()
            .name(spec.name)
            .parameter_in(ParameterIn::Query)
            .required(if spec.required { Required::True } else { Required::False })
            .description(describe)
            .schema(Some(to_schema(&spec.annotated(false))))
            .build()
    };
    T::specs().into_iter().map(parameter).collect()
}

/// The reference to a declared input from another one.
#[must_use]
pub fn reference_to<T: Declared>() -> Json {
    json!({ "$ref": format!("#/components/schemas/{}", T::NAME) })
}

/// `assigned_agent_id` as `Assigned Agent Id`.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

fn prose(docs: &[&str]) -> String {
    docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Turns the JSON Schema keywords that [`Field::shape`] uses into the document's types.
#[must_use]
pub fn to_schema(shape: &Json) -> RefOr<Schema> {
    if let Some(target) = shape["$ref"].as_str() {
        let mut reference = Ref::new(target);
        reference.description = text(shape, "description").unwrap_or_default();
        return RefOr::Ref(reference);
    }
    RefOr::T(match (shape["anyOf"].as_array(), shape["type"].as_str()) {
        (Some(items), _) => any_of(shape, items),
        (None, Some("array")) => array(shape),
        (None, kind) => object(shape, kind),
    })
}

fn text(shape: &Json, keyword: &str) -> Option<String> {
    shape[keyword].as_str().map(str::to_owned)
}

fn size(shape: &Json, keyword: &str) -> Option<usize> {
    shape[keyword].as_u64().and_then(|n| usize::try_from(n).ok())
}

fn any_of(shape: &Json, items: &[Json]) -> Schema {
    let mut any =
        AnyOfBuilder::new().description(text(shape, "description")).default(shape.get("default").cloned());
    for item in items {
        any = any.item(to_schema(item));
    }
    any.build().into()
}

fn array(shape: &Json) -> Schema {
    ArrayBuilder::new()
        .items(to_schema(&shape["items"]))
        .title(text(shape, "title"))
        .description(text(shape, "description"))
        .default(shape.get("default").cloned())
        .min_items(size(shape, "minItems"))
        .max_items(size(shape, "maxItems"))
        .build()
        .into()
}

fn object(shape: &Json, kind: Option<&str>) -> Schema {
    let kind = match kind {
        Some("string") => Type::String.into(),
        Some("integer") => Type::Integer.into(),
        Some("number") => Type::Number.into(),
        Some("boolean") => Type::Boolean.into(),
        Some("null") => Type::Null.into(),
        Some("object") => Type::Object.into(),
        _ => SchemaType::AnyValue,
    };
    let mut object = ObjectBuilder::new()
        .schema_type(kind)
        .title(text(shape, "title"))
        .description(text(shape, "description"))
        .default(shape.get("default").cloned())
        .format(shape["format"].as_str().map(format))
        .enum_values(shape["enum"].as_array().cloned())
        .min_length(size(shape, "minLength"))
        .max_length(size(shape, "maxLength"))
        .minimum(shape["minimum"].as_i64())
        .maximum(shape["maximum"].as_i64());
    match &shape["additionalProperties"] {
        Json::Bool(free) => {
            object = object.additional_properties(Some(AdditionalProperties::FreeForm(*free)));
        }
        Json::Null => {}
        values => {
            let values = AdditionalProperties::RefOr(to_schema(values));
            object = object.additional_properties(Some(values));
        }
    }
    object.build().into()
}

fn format(name: &str) -> SchemaFormat {
    match name {
        "uuid" => SchemaFormat::KnownFormat(KnownFormat::Uuid),
        "date-time" => SchemaFormat::KnownFormat(KnownFormat::DateTime),
        other => SchemaFormat::Custom(other.to_owned()),
    }
}

/// Declares a body, a part of a body, or the query parameters of an operation.
///
/// See the [module documentation](crate::decode) for how to use it.
macro_rules! input {
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@read $reader:ident $name:expr, $ty:ty) => { $reader.field::<$ty>($name) };
    (@read $reader:ident $name:expr, $ty:ty, $default:expr) => {
        $reader.field_or::<$ty>($name, || $default)
    };
    (@spec $name:expr, $docs:expr, $ty:ty) => {
        $crate::decode::FieldSpec::plain::<$ty>($name, $docs)
    };
    (@spec $name:expr, $docs:expr, $ty:ty, $default:expr) => {
        $crate::decode::FieldSpec::with_default::<$ty>($name, $docs, &$default)
    };
    (
        $(#[doc = $about:expr])*
        $vis:vis struct $name:ident $([check = $check:expr])? $([extra = $extra:expr])? {
            $(
                $(#[doc = $docs:expr])*
                $field_vis:vis $field:ident $(as $key:literal)? : $ty:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $($(#[doc = $docs])* $field_vis $field: $ty,)*
        }

        impl ::deserr::Deserr<$crate::decode::Problems> for $name {
            fn deserialize_from_value<V: ::deserr::IntoValue>(
                value: ::deserr::Value<V>,
                at: ::deserr::ValuePointerRef<'_>,
            ) -> Result<Self, $crate::decode::Problems> {
                let mut reader = $crate::decode::Reader::open(value, at)?;
                $(
                    let $field = $crate::decode::input!(
                        @read reader $crate::decode::input!(@key $field $($key)?), $ty $(, $default)?
                    );
                )*
                let ($(Some($field),)*) = ($($field,)*) else {
                    return Err(reader.into_problems());
                };
                let read = Self { $($field,)* };
                $(let read = $crate::decode::Rules::apply(read, at, $check)?;)?
                Ok(read)
            }
        }

        impl $crate::decode::Declared for $name {
            const NAME: &'static str = stringify!($name);
            const DOCS: &'static [&'static str] = &[$($about),*];

            fn specs() -> Vec<$crate::decode::FieldSpec> {
                vec![$($crate::decode::input!(
                    @spec $crate::decode::input!(@key $field $($key)?), &[$($docs),*], $ty $(, $default)?
                )),*]
            }

            $(fn extra() -> ::serde_json::Map<String, ::serde_json::Value> {
                $crate::decode::members($extra)
            })?

            fn referred(into: &mut $crate::decode::Components) {
                let _ = &into;
                $(<$ty as $crate::decode::Field>::components(into);)*
            }
        }

        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                $crate::decode::schema_of::<Self>()
            }
        }

        impl ::utoipa::ToSchema for $name {
            fn name() -> ::std::borrow::Cow<'static, str> {
                <Self as $crate::decode::Declared>::NAME.into()
            }

            fn schemas(into: &mut $crate::decode::Components) {
                <Self as $crate::decode::Declared>::referred(into);
            }
        }

        impl ::utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<::utoipa::openapi::path::ParameterIn>,
            ) -> Vec<::utoipa::openapi::path::Parameter> {
                $crate::decode::parameters_of::<Self>()
            }
        }

        impl $crate::decode::Field for $name {
            fn shape() -> ::serde_json::Value {
                $crate::decode::reference_to::<Self>()
            }

            fn components(into: &mut $crate::decode::Components) {
                let schema = <Self as ::utoipa::PartialSchema>::schema();
                into.push((stringify!($name).to_owned(), schema));
                <Self as $crate::decode::Declared>::referred(into);
            }
        }

        impl $crate::decode::QueryPart for $name {
            fn from_pairs(
                pairs: &::serde_json::Map<String, ::serde_json::Value>,
            ) -> Result<Self, $crate::decode::Problems> {
                let nullable: &[(&str, bool)] = &[$((
                    $crate::decode::input!(@key $field $($key)?),
                    <$ty as $crate::decode::Field>::NULLABLE,
                )),*];
                ::deserr::deserialize($crate::decode::without_nulls(pairs, nullable))
            }
        }
    };
}
pub(crate) use input;

/// The members of a JSON object literal given as `[extra = json!({…})]`.
#[must_use]
pub fn members(object: Json) -> Map<String, Json> {
    match object {
        Json::Object(members) => members,
        _ => Map::new(),
    }
}
