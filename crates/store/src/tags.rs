//! Tags of an organization.

use mc_model::ids::{OrganizationId, TagId};
use mc_model::tag::Tag;
use mc_model::task::TagRef;
use mc_model::{Page, PageRequest, Result};

use crate::sql::{Conn, Row, count, id, time};
use crate::tx::WriteTx;

/// With the number of tasks, counted over the index of the assignments.
const COLUMNS: &str = "t.id, t.organization_id, t.name, t.slug, t.color, t.description, \
                       (SELECT count(*) FROM tag_assignments a WHERE a.tag_id = t.id), t.created_at, t.updated_at";

fn tag(row: &Row) -> Result<Tag> {
    Ok(Tag {
        id: row.id(0)?,
        organization_id: row.id(1)?,
        name: row.get(2)?,
        slug: row.get(3)?,
        color: row.get(4)?,
        description: row.get(5)?,
        task_count: row.get(6)?,
        created_at: row.time(7)?,
        updated_at: row.time(8)?,
    })
}

/// What an organization finds behind the id of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// One of its own tags.
    Own(Tag),
    /// A tag of another organization, of which nothing is told.
    Foreign,
    /// Nothing.
    Unknown,
}

/// The tags of the organization: by name without regard to case, then the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &impl Conn, organization: OrganizationId, page: PageRequest) -> Result<Page<Tag>> {
    let total = count_of(db, organization).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM tags t WHERE t.organization_id = $1 \
         ORDER BY lower(t.name), t.created_at, t.id LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, vec![id(organization)]).await?;
    Ok(Page::new(rows.iter().map(tag).collect::<Result<_>>()?, total, page))
}

/// How many tags the organization has.
///
/// # Errors
/// When the database fails.
pub async fn count_of(db: &impl Conn, organization: OrganizationId) -> Result<i64> {
    let sql = "SELECT count(*) FROM tags WHERE organization_id = $1";
    count(db.link().row(sql, vec![id(organization)]).await?)
}

/// All tags of the organization as tasks show them, in the order of [`page`].
///
/// # Errors
/// When the database fails.
pub async fn refs(db: &impl Conn, organization: OrganizationId) -> Result<Vec<TagRef>> {
    let sql = "SELECT id, name, slug, color FROM tags WHERE organization_id = $1 \
               ORDER BY lower(name), created_at, id";
    let rows = db.link().rows(sql, vec![id(organization)]).await?;
    let tag_ref =
        |row: &Row| Ok(TagRef { id: row.id(0)?, name: row.get(1)?, slug: row.get(2)?, color: row.get(3)? });
    rows.iter().map(tag_ref).collect()
}

/// The tag as the organization may see it.
///
/// # Errors
/// When the database fails.
pub async fn look_up(db: &impl Conn, organization: OrganizationId, wanted: TagId) -> Result<Lookup> {
    let sql = format!("SELECT {COLUMNS} FROM tags t WHERE t.id = $1");
    let found = db.link().row(sql, vec![id(wanted)]).await?.as_ref().map(tag).transpose()?;
    Ok(match found {
        Some(tag) if tag.organization_id == organization => Lookup::Own(tag),
        Some(_) => Lookup::Foreign,
        None => Lookup::Unknown,
    })
}

/// Adds a tag, unless its organization has one with this slug: says whether it did.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, tag: &Tag) -> Result<bool> {
    // An error would end the transaction on PostgreSQL; a conflict does not.
    let sql = "INSERT INTO tags (id, organization_id, name, slug, color, description, created_at, updated_at) \
               VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (organization_id, slug) DO NOTHING";
    let values = vec![
        id(tag.id),
        id(tag.organization_id),
        tag.name.clone().into(),
        tag.slug.clone().into(),
        tag.color.clone().into(),
        tag.description.clone().into(),
        time(tag.created_at),
        time(tag.updated_at),
    ];
    Ok(tx.link().run(sql, values).await? > 0)
}

/// Stores a changed tag, unless another one of its organization has the slug: says whether it did.
///
/// Run it in the scope of the organization, so that nobody else takes the slug meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn update(tx: &WriteTx, tag: &Tag) -> Result<bool> {
    let sql = "UPDATE tags SET name = $3, slug = $4, color = $5, description = $6, updated_at = $7 \
               WHERE id = $1 AND organization_id = $2 AND NOT EXISTS \
               (SELECT 1 FROM tags o WHERE o.organization_id = $2 AND o.slug = $4 AND o.id <> $1)";
    let values = vec![
        id(tag.id),
        id(tag.organization_id),
        tag.name.clone().into(),
        tag.slug.clone().into(),
        tag.color.clone().into(),
        tag.description.clone().into(),
        time(tag.updated_at),
    ];
    Ok(tx.link().run(sql, values).await? > 0)
}

/// Removes a tag of the organization from all tasks and for good, and says whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &WriteTx, organization: OrganizationId, tag: TagId) -> Result<bool> {
    let sql = "DELETE FROM tags WHERE organization_id = $1 AND id = $2";
    Ok(tx.link().run(sql, vec![id(organization), id(tag)]).await? > 0)
}
