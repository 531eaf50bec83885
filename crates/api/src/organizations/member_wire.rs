//! Members on the wire.

use std::collections::HashSet;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use mc_model::Timestamp;
use mc_model::access::Role;
use mc_model::ids::BoardId;
use mc_model::membership::{BoardGrants, BoardSpec, MemberChange};
use mc_model::organization::{BoardAccessEntry, MemberView, Person};
use serde::Serialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decode::{Field, Flag, List, NonNull, Problems, Rules, input};
use crate::page::Page;
use crate::wire::Moment;

/// The most boards that one request grants.
const MAX_BOARDS: usize = 1_000;

/// A page of members.
pub(super) type OrganizationMemberPage = Page<OrganizationMemberRead>;

/// The person behind a membership.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationUserRead")]
pub(super) struct OrganizationUserRead {
    /// Identifier.
    id: Uuid,
    /// E-mail address.
    email: Option<String>,
    /// Full name.
    name: Option<String>,
    /// How the person wants to be addressed.
    preferred_name: Option<String>,
}

/// The grant of one board to a member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationBoardAccessRead")]
pub(super) struct OrganizationBoardAccessRead {
    /// Identifier.
    id: Uuid,
    /// The board.
    board_id: Uuid,
    /// Read is granted.
    can_read: bool,
    /// Write is granted; implies read.
    can_write: bool,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl From<BoardAccessEntry> for OrganizationBoardAccessRead {
    fn from(entry: BoardAccessEntry) -> Self {
        Self {
            id: entry.id.into(),
            board_id: entry.board_id.into(),
            can_read: entry.can_read,
            can_write: entry.can_write,
            created_at: entry.created_at.into(),
            updated_at: entry.updated_at.into(),
        }
    }
}

/// A membership.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationMemberRead")]
pub(super) struct OrganizationMemberRead {
    /// Identifier.
    id: Uuid,
    /// The organization.
    organization_id: Uuid,
    /// The person.
    user_id: Uuid,
    /// `owner`, `admin` or `member`.
    role: &'static str,
    /// All boards may be read.
    all_boards_read: bool,
    /// All boards may be written.
    all_boards_write: bool,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
    /// The person, if the account is still there.
    user: Option<OrganizationUserRead>,
    /// The boards that are granted one by one.
    #[schema(required = false)]
    board_access: Vec<OrganizationBoardAccessRead>,
}

impl From<Person> for OrganizationUserRead {
    fn from(person: Person) -> Self {
        let Person { id, email, name, preferred_name } = person;
        Self { id: id.into(), email, name, preferred_name }
    }
}

impl From<MemberView> for OrganizationMemberRead {
    fn from(view: MemberView) -> Self {
        let MemberView { member, person, board_access } = view;
        Self {
            id: member.id.into(),
            organization_id: member.organization_id.into(),
            user_id: member.user_id.into(),
            role: member.role.as_str(),
            all_boards_read: member.all_boards_read,
            all_boards_write: member.all_boards_write,
            created_at: member.created_at.into(),
            updated_at: member.updated_at.into(),
            user: Some(person.into()),
            board_access: board_access.into_iter().map(Into::into).collect(),
        }
    }
}

/// A role as people send it: `owner`, `admin` or `member` in any case; blank means `member`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoleName(pub Role);

impl Deserr<Problems> for RoleName {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        match value {
            Value::String(text) => Role::from_input(&text).map(Self).ok_or_else(|| unknown_role(at)),
            other => Err(Problems::kind("string_type", at, &other)),
        }
    }
}

fn unknown_role(at: ValuePointerRef<'_>) -> Problems {
    const EXPECTED: &str = "'owner', 'admin' or 'member'";
    Problems::one("literal_error", at, format!("Input should be {EXPECTED}"))
        .with(json!({ "expected": EXPECTED }))
}

impl Field for RoleName {
    fn shape() -> Json {
        json!({ "type": "string" })
    }

    fn shown(&self) -> Option<Json> {
        Some(self.0.as_str().into())
    }
}

/// The boards of a request.
pub(super) type BoardSpecs = List<OrganizationBoardAccessSpec, 0, MAX_BOARDS>;

input! {
    /// The grant of one board.
    pub(super) struct OrganizationBoardAccessSpec {
        /// A board of the organization.
        pub board_id: BoardId,
        /// Read is granted.
        pub can_read: Flag = Flag(true),
        /// Write is granted; implies read.
        pub can_write: Flag = Flag(false),
    }
}

input! {
    /// Changes to a membership.
    pub(super) struct OrganizationMemberUpdate {
        /// The new role: `owner`, `admin` or `member`.
        pub role: NonNull<RoleName>,
    }
}

impl From<OrganizationMemberUpdate> for MemberChange {
    fn from(update: OrganizationMemberUpdate) -> Self {
        Self { role: update.role.0.map(|role| role.0), ..Self::default() }
    }
}

input! {
    /// What a member may do with boards. Replaces what was granted before.
    pub(super) struct OrganizationMemberAccessUpdate [check = check_access] {
        /// All boards may be read.
        pub all_boards_read: Flag = Flag(false),
        /// All boards may be written.
        pub all_boards_write: Flag = Flag(false),
        /// Boards granted one by one; not kept beside a flag for all of them.
        pub board_access: BoardSpecs = List(Vec::new()),
    }
}

fn check_access(update: &OrganizationMemberAccessUpdate, rules: &mut Rules<'_>) {
    check_boards(&update.board_access, rules);
}

/// Names each board once.
pub(super) fn check_boards(boards: &BoardSpecs, rules: &mut Rules<'_>) {
    let mut seen = HashSet::new();
    if !boards.0.iter().all(|spec| seen.insert(spec.board_id)) {
        rules.field("board_access", "each board may be named once only");
    }
}

/// Flags and boards as the services take them.
pub(super) fn grants(all_read: Flag, all_write: Flag, boards: BoardSpecs) -> BoardGrants {
    let boards = boards.0.into_iter().map(|spec| BoardSpec {
        board_id: spec.board_id,
        can_read: spec.can_read.0,
        can_write: spec.can_write.0,
    });
    BoardGrants { all_boards_read: all_read.0, all_boards_write: all_write.0, boards: boards.collect() }
}

impl From<OrganizationMemberAccessUpdate> for MemberChange {
    fn from(update: OrganizationMemberAccessUpdate) -> Self {
        let grants = grants(update.all_boards_read, update.all_boards_write, update.board_access);
        Self { grants: Some(grants), ..Self::default() }
    }
}

input! {
    /// A membership as a whole: role and boards in one change.
    pub(super) struct OrganizationMemberReplace [check = check_replace] {
        /// The role: `owner`, `admin` or `member`.
        pub role: RoleName,
        /// All boards may be read.
        pub all_boards_read: Flag = Flag(false),
        /// All boards may be written.
        pub all_boards_write: Flag = Flag(false),
        /// Boards granted one by one; not kept beside a flag for all of them.
        pub board_access: BoardSpecs = List(Vec::new()),
        /// The `updated_at` of the membership you read. If it was changed since, the answer is 412.
        pub if_updated_at: Option<Timestamp>,
    }
}

fn check_replace(replace: &OrganizationMemberReplace, rules: &mut Rules<'_>) {
    check_boards(&replace.board_access, rules);
}

impl From<OrganizationMemberReplace> for MemberChange {
    fn from(replace: OrganizationMemberReplace) -> Self {
        let grants = grants(replace.all_boards_read, replace.all_boards_write, replace.board_access);
        Self { role: Some(replace.role.0), grants: Some(grants), if_updated_at: replace.if_updated_at }
    }
}
