//! Pages on the wire.

use std::borrow::Cow;

use mc_model::PageRequest;
use mc_model::page::MAX_LIMIT;
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::decode::{Components, Int, input};

input! {
    /// Which part of a list is wanted (platform spec §1).
    pub struct Paging {
        /// How many items at most.
        pub limit: Int<1, 200> = Int(MAX_LIMIT.into()),
        /// How many items to skip.
        pub offset: Int<0> = Int(0),
    }
}

impl From<Paging> for PageRequest {
    fn from(paging: Paging) -> Self {
        let limit = u32::try_from(paging.limit.0).unwrap_or(MAX_LIMIT);
        Self { limit, offset: paging.offset.0 }
    }
}

/// A page of a list.
///
/// Name each page for the document, `pub type TaskPage = Page<TaskRead>;`, and write `body = TaskPage`: for a
/// generic type the document's macros would build another name than the contract's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// How many rows match in all.
    pub total: i64,
    /// The limit that was applied.
    pub limit: u32,
    /// The offset that was applied.
    pub offset: i64,
}

impl<T> From<mc_model::Page<T>> for Page<T> {
    fn from(page: mc_model::Page<T>) -> Self {
        let mc_model::Page { items, total, limit, offset } = page;
        Self { items, total, limit, offset }
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let item = T::name();
        let count = |title, least: i64| {
            ObjectBuilder::new().schema_type(Type::Integer).title(Some(title)).minimum(Some(least))
        };
        let items = ArrayBuilder::new().items(Ref::from_schema_name(&*item)).title(Some("Items"));
        let page = ObjectBuilder::new()
            .title(Some(format!("LimitOffsetPage[TypeVar]Customized[{item}]")))
            .property("items", items)
            .property("total", count("Total", 0))
            .property("limit", count("Limit", 1))
            .property("offset", count("Offset", 0));
        let page = ["items", "total", "limit", "offset"].into_iter().fold(page, ObjectBuilder::required);
        RefOr::T(page.build().into())
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("LimitOffsetPage_TypeVar_Customized_{}_", T::name()).into()
    }

    fn schemas(into: &mut Components) {
        into.push((T::name().into_owned(), T::schema()));
        T::schemas(into);
    }
}
