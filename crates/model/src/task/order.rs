//! The orders in which a list can show tasks. An addition to the contract, whose only order is the default.

/// By what a list of tasks is sorted. Ties are broken by the identifier, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TaskSort {
    /// When it was created.
    #[default]
    CreatedAt,
    /// When it was changed last.
    UpdatedAt,
    /// When it is due; tasks without a date come last, whatever the direction.
    DueAt,
    /// low, medium, high, then urgent and critical; other words come last, whatever the direction.
    Priority,
    /// The title, whatever the case of its ASCII letters.
    Title,
    /// inbox, in_progress, review, done.
    Status,
}

impl TaskSort {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 6] =
        [Self::CreatedAt, Self::UpdatedAt, Self::DueAt, Self::Priority, Self::Title, Self::Status];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DueAt => "due_at",
            Self::Priority => "priority",
            Self::Title => "title",
            Self::Status => "status",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == name)
    }
}

/// From the smallest on, or from the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortDirection {
    /// The smallest, the oldest first.
    Ascending,
    /// The greatest, the newest first.
    #[default]
    Descending,
}

impl SortDirection {
    /// Both, in the order of the document.
    pub const ALL: [Self; 2] = [Self::Ascending, Self::Descending];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == name)
    }
}

/// The order of a list of tasks; newest first unless somebody says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TaskOrder {
    /// By what.
    pub by: TaskSort,
    /// Which way.
    pub direction: SortDirection,
}
