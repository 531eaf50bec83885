//! Pages of a list.

use serde::Serialize;

/// The most items a page may have, and how many it has when the caller does not say.
pub const MAX_LIMIT: u32 = 200;

/// Which part of a list the caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// How many items to skip.
    pub offset: i64,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: MAX_LIMIT, offset: 0 }
    }
}

/// A part of a list with the size of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// How many rows match in all.
    pub total: i64,
    /// The limit that was applied.
    pub limit: u32,
    /// The offset that was applied.
    pub offset: i64,
}

impl<T> Page<T> {
    /// A page of `items` out of `total`, as `request` asked for it.
    #[must_use]
    pub fn new(items: Vec<T>, total: i64, request: PageRequest) -> Self {
        Self { items, total, limit: request.limit, offset: request.offset }
    }

    /// The same page with each item converted.
    #[must_use]
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            total: self.total,
            limit: self.limit,
            offset: self.offset,
        }
    }
}
