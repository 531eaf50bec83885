//! Organizations and memberships.

use mc_model::access::Role;
use mc_model::ids::{BoardAccessId, MemberId, OrganizationId, SkillPackId, UserId};
use mc_model::organization::{
    BoardAccessEntry, DEFAULT_SKILL_PACKS, Member, Organization, OrganizationSummary, PERSONAL,
};
use mc_model::{Result, Timestamp};

use crate::sql::{Conn, Row, id, time};
use crate::tx::WriteTx;

pub(crate) const MEMBER_COLUMNS: &str = "m.id, m.organization_id, m.user_id, m.role, m.all_boards_read, \
                                         m.all_boards_write, m.created_at, m.updated_at";

/// The member whose columns start at `first`.
pub(crate) fn member_at(row: &Row, first: usize) -> Result<Member> {
    Ok(Member {
        id: row.id(first)?,
        organization_id: row.id(first + 1)?,
        user_id: row.id(first + 2)?,
        role: Role::from_stored(&row.get::<String>(first + 3)?),
        all_boards_read: row.get(first + 4)?,
        all_boards_write: row.get(first + 5)?,
        created_at: row.time(first + 6)?,
        updated_at: row.time(first + 7)?,
    })
}

pub(crate) fn organization(row: &Row) -> Result<Organization> {
    Ok(Organization {
        id: row.id(0)?,
        name: row.get(1)?,
        is_demo: row.get(2)?,
        created_at: row.time(3)?,
        updated_at: row.time(4)?,
    })
}

/// The organization with this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &impl Conn, organization_id: OrganizationId) -> Result<Option<Organization>> {
    let sql = "SELECT id, name, is_demo, created_at, updated_at FROM organizations WHERE id = $1";
    let row = db.link().row(sql, vec![id(organization_id)]).await?;
    row.as_ref().map(organization).transpose()
}

/// The organizations that `mission-control demo` made.
///
/// # Errors
/// When the database fails.
pub async fn demos(db: &impl Conn) -> Result<Vec<Organization>> {
    let sql =
        "SELECT id, name, is_demo, created_at, updated_at FROM organizations WHERE is_demo = $1 ORDER BY id";
    db.link().rows(sql, vec![true.into()]).await?.iter().map(organization).collect()
}

/// Adds an organization.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl Conn, organization: &Organization) -> Result<()> {
    let sql = "INSERT INTO organizations (id, name, is_demo, event_seq, content_seq, created_at, updated_at) \
               VALUES ($1,$2,$3,$4,$4,$5,$6)";
    let values = vec![
        id(organization.id),
        organization.name.clone().into(),
        organization.is_demo.into(),
        0_i64.into(),
        time(organization.created_at),
        time(organization.updated_at),
    ];
    db.link().run(sql, values).await.map(drop)
}

/// Takes an organization's name, so that no other open transaction can, and says whether it is free.
///
/// It is taken when any organization has it, whatever the case of its letters (ASCII letters on SQLite). Personal
/// organizations, which many people have under one name, count only for their members.
///
/// # Errors
/// When the database fails.
pub async fn take_name(tx: &WriteTx, name: &str, user: UserId) -> Result<bool> {
    let link = tx.link();
    if let Some(sql) = link.dialect.take_name() {
        link.row(sql, vec![format!("organization:{}", name.to_lowercase()).into()]).await?;
    }
    let sql = "SELECT 1 FROM organizations o WHERE lower(o.name) = lower($1) AND (o.name <> $2 OR EXISTS \
               (SELECT 1 FROM organization_members m WHERE m.organization_id = o.id AND m.user_id = $3)) LIMIT 1";
    Ok(link.row(sql, vec![name.into(), PERSONAL.into(), id(user)]).await?.is_none())
}

/// Removes an organization; the schema removes everything it owns with it.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &impl Conn, organization: OrganizationId) -> Result<bool> {
    // These rows have no foreign key, see the schema.
    let sql = "DELETE FROM idempotency_keys WHERE scope_id = $1 \
               OR scope_id IN (SELECT id FROM boards WHERE organization_id = $1)";
    db.link().run(sql, vec![id(organization)]).await?;
    let removed = db.link().run("DELETE FROM organizations WHERE id = $1", vec![id(organization)]).await?;
    Ok(removed > 0)
}

/// Adds a membership.
///
/// # Errors
/// When the database fails.
pub async fn insert_member(db: &impl Conn, member: &Member) -> Result<()> {
    let sql = "INSERT INTO organization_members (id, organization_id, user_id, role, all_boards_read, \
               all_boards_write, created_at, updated_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)";
    let values = vec![
        id(member.id),
        id(member.organization_id),
        id(member.user_id),
        member.role.as_str().into(),
        member.all_boards_read.into(),
        member.all_boards_write.into(),
        time(member.created_at),
        time(member.updated_at),
    ];
    db.link().run(sql, values).await.map(drop)
}

/// The oldest membership of a user.
///
/// # Errors
/// When the database fails.
pub async fn oldest_membership(db: &impl Conn, user: UserId) -> Result<Option<Member>> {
    let sql = format!(
        "SELECT {MEMBER_COLUMNS} FROM organization_members m WHERE m.user_id = $1 \
         ORDER BY m.created_at, m.id LIMIT 1"
    );
    db.link().row(sql, vec![id(user)]).await?.map(|row| member_at(&row, 0)).transpose()
}

/// All organizations of a user, by name without regard to case.
///
/// # Errors
/// When the database fails.
pub async fn of_user(
    db: &impl Conn,
    user: UserId,
    active: Option<OrganizationId>,
) -> Result<Vec<OrganizationSummary>> {
    let sql = "SELECT o.id, o.name, m.role FROM organization_members m \
               JOIN organizations o ON o.id = m.organization_id WHERE m.user_id = $1";
    let rows = db.link().rows(sql, vec![id(user)]).await?;
    let mut found = rows
        .iter()
        .map(|row| {
            let id = row.id(0)?;
            Ok(OrganizationSummary {
                id,
                name: row.get(1)?,
                role: Role::from_stored(&row.get::<String>(2)?),
                is_active: Some(id) == active,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    // In Rust: the databases disagree on the order of letters outside ASCII.
    found.sort_by_cached_key(|summary| (summary.name.to_lowercase(), summary.id));
    Ok(found)
}

/// The board entries of a member, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn board_access(db: &impl Conn, member: MemberId) -> Result<Vec<BoardAccessEntry>> {
    let sql = "SELECT id, board_id, can_read, can_write, created_at, updated_at FROM organization_board_access \
               WHERE organization_member_id = $1 ORDER BY created_at, id";
    let rows = db.link().rows(sql, vec![id(member)]).await?;
    rows.iter()
        .map(|row| {
            Ok(BoardAccessEntry {
                id: row.id(0)?,
                board_id: row.id(1)?,
                can_read: row.get(2)?,
                can_write: row.get(3)?,
                created_at: row.time(4)?,
                updated_at: row.time(5)?,
            })
        })
        .collect()
}

/// Grants one board to a member.
///
/// # Errors
/// When the database fails.
pub async fn insert_board_access(db: &impl Conn, member: MemberId, entry: &BoardAccessEntry) -> Result<()> {
    let sql = "INSERT INTO organization_board_access (id, organization_member_id, board_id, can_read, can_write, \
               created_at, updated_at) VALUES ($1,$2,$3,$4,$5,$6,$7)";
    let values = vec![
        id(entry.id),
        id(member),
        id(entry.board_id),
        entry.can_read.into(),
        entry.can_write.into(),
        time(entry.created_at),
        time(entry.updated_at),
    ];
    db.link().run(sql, values).await.map(drop)
}

/// An entry that grants `board`.
#[must_use]
pub fn board_access_entry(
    board: mc_model::ids::BoardId,
    can_read: bool,
    can_write: bool,
    now: Timestamp,
) -> BoardAccessEntry {
    let id = BoardAccessId::generate();
    BoardAccessEntry { id, board_id: board, can_read, can_write, created_at: now, updated_at: now }
}

/// Gives a new personal organization its skill packs.
///
/// # Errors
/// When the database fails.
pub async fn insert_default_skill_packs(
    db: &impl Conn,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO skill_packs (id, organization_id, name, description, source_url, branch, metadata, created_at, \
         updated_at) VALUES ($1,$2,$3,$4,$5,$6,{},$8,$9)",
        db.link().dialect.json(7)
    );
    for pack in DEFAULT_SKILL_PACKS {
        let values = vec![
            id(SkillPackId::generate()),
            id(organization),
            pack.name.into(),
            pack.description.into(),
            pack.source_url.into(),
            pack.branch.into(),
            "{}".into(),
            time(now),
            time(now),
        ];
        db.link().run(sql.clone(), values).await?;
    }
    Ok(())
}
