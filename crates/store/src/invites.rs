//! Invitations.

use mc_model::access::Role;
use mc_model::ids::{BoardAccessId, InviteId, OrganizationId, UserId};
use mc_model::invite::Invite;
use mc_model::membership::BoardSpec;
use mc_model::{Page, PageRequest, Result, Timestamp};

use crate::sql::{Conn, Row, count, id, opt_id, opt_time, time, tuples};
use crate::tx::WriteTx;

const COLUMNS: &str = "i.id, i.organization_id, i.invited_email, i.token_hash, i.role, i.all_boards_read, \
                       i.all_boards_write, i.created_by_user_id, i.accepted_by_user_id, i.accepted_at, i.expires_at, \
                       i.created_at, i.updated_at";

fn invite(row: &Row) -> Result<Invite> {
    Ok(Invite {
        id: row.id(0)?,
        organization_id: row.id(1)?,
        invited_email: row.get(2)?,
        token_hash: row.get(3)?,
        role: Role::from_stored(&row.get::<String>(4)?),
        all_boards_read: row.get(5)?,
        all_boards_write: row.get(6)?,
        created_by_user_id: row.opt_id(7)?,
        accepted_by_user_id: row.opt_id(8)?,
        accepted_at: row.opt_time(9)?,
        expires_at: row.opt_time(10)?,
        created_at: row.time(11)?,
        updated_at: row.time(12)?,
    })
}

/// The invites of the organization that can be accepted at `now`, newest first.
///
/// # Errors
/// When the database fails.
pub async fn pending(
    db: &impl Conn,
    organization: OrganizationId,
    now: Timestamp,
    page: PageRequest,
) -> Result<Page<Invite>> {
    const PENDING: &str = "FROM organization_invites i WHERE i.organization_id = $1 AND i.accepted_at IS NULL \
                           AND (i.expires_at IS NULL OR i.expires_at > $2)";
    let values = vec![id(organization), time(now)];
    let total = format!("SELECT count(*) {PENDING}");
    let total = count(db.link().row(total, values.clone()).await?)?;
    let sql = format!(
        "SELECT {COLUMNS} {PENDING} ORDER BY i.created_at DESC, i.id DESC LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, values).await?;
    Ok(Page::new(rows.iter().map(invite).collect::<Result<_>>()?, total, page))
}

/// An invite of the organization, in any state.
///
/// # Errors
/// When the database fails.
pub async fn by_id(
    db: &impl Conn,
    organization: OrganizationId,
    invite_id: InviteId,
) -> Result<Option<Invite>> {
    let sql =
        format!("SELECT {COLUMNS} FROM organization_invites i WHERE i.organization_id = $1 AND i.id = $2");
    let row = db.link().row(sql, vec![id(organization), id(invite_id)]).await?;
    row.as_ref().map(invite).transpose()
}

/// The invite whose token has this hash, of whatever organization: the token is what proves the right to see it.
///
/// # Errors
/// When the database fails.
pub async fn by_token_hash(db: &impl Conn, hash: &str) -> Result<Option<Invite>> {
    let sql = format!("SELECT {COLUMNS} FROM organization_invites i WHERE i.token_hash = $1");
    let row = db.link().row(sql, vec![hash.into()]).await?;
    row.as_ref().map(invite).transpose()
}

/// The oldest invite of any organization that was made for this e-mail address (in lower case) and can still be
/// accepted at `now`.
///
/// # Errors
/// When the database fails.
pub async fn oldest_pending_for(db: &impl Conn, email: &str, now: Timestamp) -> Result<Option<Invite>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM organization_invites i WHERE i.invited_email = $1 AND i.accepted_at IS NULL \
         AND (i.expires_at IS NULL OR i.expires_at > $2) ORDER BY i.created_at, i.id LIMIT 1"
    );
    let row = db.link().row(sql, vec![email.into(), time(now)]).await?;
    row.as_ref().map(invite).transpose()
}

/// Adds an invite with its boards.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, invite: &Invite, boards: &[BoardSpec]) -> Result<()> {
    let sql = "INSERT INTO organization_invites (id, organization_id, invited_email, token_hash, role, \
               all_boards_read, all_boards_write, created_by_user_id, accepted_by_user_id, accepted_at, expires_at, \
               created_at, updated_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)";
    let values = vec![
        id(invite.id),
        id(invite.organization_id),
        invite.invited_email.clone().into(),
        invite.token_hash.clone().into(),
        invite.role.as_str().into(),
        invite.all_boards_read.into(),
        invite.all_boards_write.into(),
        opt_id(invite.created_by_user_id),
        opt_id(invite.accepted_by_user_id),
        opt_time(invite.accepted_at),
        opt_time(invite.expires_at),
        time(invite.created_at),
        time(invite.updated_at),
    ];
    tx.link().run(sql, values).await?;
    insert_boards(tx, invite.id, boards).await
}

async fn insert_boards(tx: &WriteTx, invite: InviteId, boards: &[BoardSpec]) -> Result<()> {
    const COLUMNS: usize = 7;
    if boards.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO organization_invite_board_access (id, organization_invite_id, board_id, can_read, can_write, \
         created_at, updated_at) VALUES {}",
        tuples(boards.len(), COLUMNS, |_, position| format!("${position}"))
    );
    let values = boards.iter().flat_map(|spec| {
        [
            id(BoardAccessId::generate()),
            id(invite),
            id(spec.board_id),
            spec.can_read.into(),
            spec.can_write.into(),
            time(tx.now()),
            time(tx.now()),
        ]
    });
    tx.link().run(sql, values.collect()).await.map(drop)
}

/// The boards of an invite, in the order they were given.
///
/// # Errors
/// When the database fails.
pub async fn boards(db: &impl Conn, invite: InviteId) -> Result<Vec<BoardSpec>> {
    let sql = "SELECT board_id, can_read, can_write FROM organization_invite_board_access \
               WHERE organization_invite_id = $1 ORDER BY id";
    let rows = db.link().rows(sql, vec![id(invite)]).await?;
    rows.iter()
        .map(|row| Ok(BoardSpec { board_id: row.id(0)?, can_read: row.get(1)?, can_write: row.get(2)? }))
        .collect()
}

/// Marks the invite as accepted by `user`, unless somebody was faster: says whether this call did it.
///
/// # Errors
/// When the database fails.
pub async fn mark_accepted(tx: &WriteTx, invite: InviteId, user: UserId) -> Result<bool> {
    let sql = "UPDATE organization_invites SET accepted_by_user_id = $2, accepted_at = $3, updated_at = $3 \
               WHERE id = $1 AND accepted_at IS NULL";
    Ok(tx.link().run(sql, vec![id(invite), id(user), time(tx.now())]).await? > 0)
}

/// Removes the organization's invites that can no longer be accepted: nobody sees them, and they hold addresses.
///
/// # Errors
/// When the database fails.
pub async fn delete_expired(tx: &WriteTx, organization: OrganizationId) -> Result<()> {
    let sql = "DELETE FROM organization_invites WHERE organization_id = $1 AND accepted_at IS NULL \
               AND expires_at <= $2";
    tx.link().run(sql, vec![id(organization), time(tx.now())]).await.map(drop)
}

/// Removes an invite with its boards, and says whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &WriteTx, organization: OrganizationId, invite: InviteId) -> Result<bool> {
    let sql = "DELETE FROM organization_invites WHERE organization_id = $1 AND id = $2";
    Ok(tx.link().run(sql, vec![id(organization), id(invite)]).await? > 0)
}
