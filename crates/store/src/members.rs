//! Memberships of one organization: reading them with their people, and changing them.

use std::collections::HashMap;

use mc_model::access::Role;
use mc_model::ids::{BoardId, MemberId, OrganizationId, UserId};
use mc_model::membership::BoardSpec;
use mc_model::organization::{BoardAccessEntry, Member, MemberView, Person};
use mc_model::{Page, PageRequest, Result};

use crate::organizations::{MEMBER_COLUMNS, board_access_entry, member_at};
use crate::sql::{Conn, Row, count, id, time, tuples};
use crate::tx::WriteTx;

const MEMBER_COLUMN_COUNT: usize = 8;
const PERSON_COLUMNS: &str = "u.id, u.email, u.name, u.preferred_name";

fn view(row: &Row) -> Result<MemberView> {
    const AT: usize = MEMBER_COLUMN_COUNT;
    let person = Person {
        id: row.id(AT)?,
        email: row.get(AT + 1)?,
        name: row.get(AT + 2)?,
        preferred_name: row.get(AT + 3)?,
    };
    Ok(MemberView { member: member_at(row, 0)?, person, board_access: Vec::new() })
}

/// The members of the organization with their people and boards: by e-mail without regard to case, those without one
/// last, then by name. Three statements, however many members there are.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &impl Conn,
    organization: OrganizationId,
    page: PageRequest,
) -> Result<Page<MemberView>> {
    let total = "SELECT count(*) FROM organization_members WHERE organization_id = $1";
    let total = count(db.link().row(total, vec![id(organization)]).await?)?;
    let sql = format!(
        "SELECT {MEMBER_COLUMNS}, {PERSON_COLUMNS} FROM organization_members m JOIN users u ON u.id = m.user_id \
         WHERE m.organization_id = $1 ORDER BY (u.email IS NULL), lower(u.email), (u.name IS NULL), u.name, m.id \
         LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, vec![id(organization)]).await?;
    let mut views = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
    add_board_access(db, &mut views).await?;
    Ok(Page::new(views, total, page))
}

/// A member of the organization with the person and the boards.
///
/// # Errors
/// When the database fails.
pub async fn by_id(
    db: &impl Conn,
    organization: OrganizationId,
    member: MemberId,
) -> Result<Option<MemberView>> {
    let sql = format!(
        "SELECT {MEMBER_COLUMNS}, {PERSON_COLUMNS} FROM organization_members m JOIN users u ON u.id = m.user_id \
         WHERE m.organization_id = $1 AND m.id = $2"
    );
    let Some(row) = db.link().row(sql, vec![id(organization), id(member)]).await? else { return Ok(None) };
    let mut views = [view(&row)?];
    add_board_access(db, &mut views).await?;
    let [view] = views;
    Ok(Some(view))
}

async fn add_board_access(db: &impl Conn, views: &mut [MemberView]) -> Result<()> {
    if views.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT organization_member_id, id, board_id, can_read, can_write, created_at, updated_at \
         FROM organization_board_access WHERE organization_member_id IN {} ORDER BY created_at, id",
        tuples(1, views.len(), |_, position| format!("${position}"))
    );
    let values = views.iter().map(|view| id(view.member.id)).collect();
    let mut entries: HashMap<MemberId, Vec<BoardAccessEntry>> = HashMap::new();
    for row in db.link().rows(sql, values).await? {
        entries.entry(row.id(0)?).or_default().push(BoardAccessEntry {
            id: row.id(1)?,
            board_id: row.id(2)?,
            can_read: row.get(3)?,
            can_write: row.get(4)?,
            created_at: row.time(5)?,
            updated_at: row.time(6)?,
        });
    }
    for view in views {
        view.board_access = entries.remove(&view.member.id).unwrap_or_default();
    }
    Ok(())
}

/// The user's membership of the organization.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &impl Conn, organization: OrganizationId, user: UserId) -> Result<Option<Member>> {
    let sql = format!(
        "SELECT {MEMBER_COLUMNS} FROM organization_members m WHERE m.organization_id = $1 AND m.user_id = $2"
    );
    let row = db.link().row(sql, vec![id(organization), id(user)]).await?;
    row.map(|row| member_at(&row, 0)).transpose()
}

/// All memberships of a user, in the order of their organizations' ids.
///
/// # Errors
/// When the database fails.
pub async fn all_of_user(db: &impl Conn, user: UserId) -> Result<Vec<Member>> {
    let sql = format!(
        "SELECT {MEMBER_COLUMNS} FROM organization_members m WHERE m.user_id = $1 ORDER BY m.organization_id"
    );
    db.link().rows(sql, vec![id(user)]).await?.iter().map(|row| member_at(row, 0)).collect()
}

/// How many members the organization has, and how many of them are owners.
///
/// # Errors
/// When the database fails.
pub async fn head_count(db: &impl Conn, organization: OrganizationId) -> Result<HeadCount> {
    let sql = "SELECT count(*), count(CASE WHEN role = 'owner' THEN 1 END) FROM organization_members \
               WHERE organization_id = $1";
    let row = db.link().row(sql, vec![id(organization)]).await?;
    row.map_or(Ok(HeadCount::default()), |row| Ok(HeadCount { members: row.get(0)?, owners: row.get(1)? }))
}

/// How many people an organization has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadCount {
    /// All of them.
    pub members: i64,
    /// The owners among them.
    pub owners: i64,
}

/// Whether somebody with this e-mail address (in lower case) is a member of the organization.
///
/// # Errors
/// When the database fails.
pub async fn has_email(db: &impl Conn, organization: OrganizationId, email: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM users u JOIN organization_members m ON m.user_id = u.id \
               WHERE lower(u.email) = $2 AND m.organization_id = $1 LIMIT 1";
    Ok(db.link().row(sql, vec![id(organization), email.into()]).await?.is_some())
}

/// Stores role and flags of a membership with the time of this transaction.
///
/// # Errors
/// When the database fails.
pub async fn update(
    tx: &WriteTx,
    member: MemberId,
    role: Role,
    all_read: bool,
    all_write: bool,
) -> Result<()> {
    let sql = "UPDATE organization_members SET role = $2, all_boards_read = $3, all_boards_write = $4, \
               updated_at = $5 WHERE id = $1";
    let values = vec![id(member), role.as_str().into(), all_read.into(), all_write.into(), time(tx.now())];
    tx.link().run(sql, values).await.map(drop)
}

/// Removes a membership with its boards.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &WriteTx, member: MemberId) -> Result<()> {
    tx.link().run("DELETE FROM organization_members WHERE id = $1", vec![id(member)]).await.map(drop)
}

/// Which of `boards` belong to the organization. They stay until the end of this transaction.
///
/// # Errors
/// When the database fails.
pub async fn boards_there(
    tx: &WriteTx,
    organization: OrganizationId,
    boards: &[BoardSpec],
) -> Result<Vec<BoardId>> {
    if boards.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id FROM boards WHERE organization_id = $1 AND id IN {}{}",
        tuples(1, boards.len(), |_, position| format!("${}", position + 1)),
        tx.link().dialect.keep_rows()
    );
    let mut values = vec![id(organization)];
    values.extend(boards.iter().map(|spec| id(spec.board_id)));
    tx.link().rows(sql, values).await?.iter().map(|row| row.id(0)).collect()
}

/// Replaces the boards that a member is granted one by one.
///
/// # Errors
/// When the database fails.
pub async fn replace_boards(tx: &WriteTx, member: MemberId, boards: &[BoardSpec]) -> Result<()> {
    let sql = "DELETE FROM organization_board_access WHERE organization_member_id = $1";
    tx.link().run(sql, vec![id(member)]).await?;
    put_boards(tx, member, boards).await
}

/// Grants boards to a member, or changes the grants that are there. No board may be named twice.
///
/// # Errors
/// When the database fails.
pub async fn put_boards(tx: &WriteTx, member: MemberId, boards: &[BoardSpec]) -> Result<()> {
    const COLUMNS: usize = 7;
    if boards.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO organization_board_access (id, organization_member_id, board_id, can_read, can_write, \
         created_at, updated_at) VALUES {} ON CONFLICT (organization_member_id, board_id) DO UPDATE SET \
         can_read = excluded.can_read, can_write = excluded.can_write, updated_at = excluded.updated_at",
        tuples(boards.len(), COLUMNS, |_, position| format!("${position}"))
    );
    let values = boards.iter().flat_map(|spec| {
        let entry = board_access_entry(spec.board_id, spec.can_read, spec.can_write, tx.now());
        [
            id(entry.id),
            id(member),
            id(entry.board_id),
            entry.can_read.into(),
            entry.can_write.into(),
            time(entry.created_at),
            time(entry.updated_at),
        ]
    });
    tx.link().run(sql, values.collect()).await.map(drop)
}
