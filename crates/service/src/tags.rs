//! Tags of the active organization.

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{OrganizationId, TagId};
use mc_model::tag::{NewTag, Tag, TagPatch, slug};
use mc_model::task::TagRef;
use mc_model::{Error, ErrorKind, Page, PageRequest, Result};
use mc_store::tags::Lookup;
use mc_store::{self as store, Conn, WriteTx};
use serde_json::{Value, json};

use crate::access::{BoardReader, OrgAdmin, UserSession};
use crate::changed_fields::changed_fields;
use crate::{RequestContext, Services};

/// The most tags an organization has: agents read them all in one answer.
pub const MAX_TAGS: i64 = 5_000;

impl Services {
    /// The tags of the active organization, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tags(&self, session: &UserSession, page: PageRequest) -> Result<Page<Tag>> {
        store::tags::page(self.store.reader(), session.member.organization_id, page).await
    }

    /// All tags that the tasks of a board may have, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tags_of_board(&self, on: &BoardReader) -> Result<Vec<TagRef>> {
        store::tags::refs(self.store.reader(), on.board.organization_id).await
    }

    /// One tag of the active organization.
    ///
    /// # Errors
    /// 404 when there is none, 403 when it is another organization's.
    pub async fn get_tag(&self, session: &UserSession, tag: TagId) -> Result<Tag> {
        own(self.store.reader(), session.member.organization_id, tag).await
    }

    /// Makes a tag.
    ///
    /// # Errors
    /// 409 when the slug is taken, or when there are [`MAX_TAGS`] already.
    pub async fn create_tag(&self, context: &RequestContext, admin: &OrgAdmin, new: NewTag) -> Result<Tag> {
        let session = admin.session();
        let organization = session.member.organization_id;
        let new = &new;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                refuse_too_many(tx, organization).await?;
                let tag = Tag {
                    id: TagId::generate(),
                    organization_id: organization,
                    name: new.name.clone(),
                    slug: slug(new.slug.as_deref(), &new.name),
                    color: new.color.clone(),
                    description: new.description.clone(),
                    task_count: 0,
                    created_at: tx.now(),
                    updated_at: tx.now(),
                };
                if !store::tags::insert(tx, &tag).await? {
                    return Err(slug_is_taken(&tag));
                }
                let data = json!({"tag_id": tag.id, "tag": content(&tag)});
                tx.activity(activity(kind::TAG_CREATED, "created", &tag, session, data));
                Ok(tag)
            })
            .await
    }

    /// Changes a tag. Its tasks show the change at once.
    ///
    /// # Errors
    /// As [`Services::get_tag`]; 409 when the new slug is taken.
    pub async fn update_tag(
        &self,
        context: &RequestContext,
        admin: &OrgAdmin,
        tag: TagId,
        patch: TagPatch,
    ) -> Result<Tag> {
        let session = admin.session();
        let organization = session.member.organization_id;
        let patch = &patch;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let before = own(tx, organization, tag).await?;
                let after = patch.clone().apply(before.clone(), tx.now());
                if !store::tags::update(tx, &after).await? {
                    return Err(slug_is_taken(&after));
                }
                let changed = changed_fields(&content(&before), &content(&after));
                let data = json!({"tag_id": tag, "changed": changed});
                tx.activity(activity(kind::TAG_UPDATED, "changed", &after, session, data));
                Ok(after)
            })
            .await
    }

    /// Deletes a tag; tasks that have it lose it, without events of their own.
    ///
    /// # Errors
    /// As [`Services::get_tag`].
    pub async fn delete_tag(&self, context: &RequestContext, admin: &OrgAdmin, tag: TagId) -> Result<()> {
        let session = admin.session();
        let organization = session.member.organization_id;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let deleted = own(tx, organization, tag).await?;
                store::tags::delete(tx, organization, tag).await?;
                let data = json!({
                    "tag_id": tag, "tag": content(&deleted), "task_count": deleted.task_count,
                });
                tx.activity(activity(kind::TAG_DELETED, "deleted", &deleted, session, data));
                Ok(())
            })
            .await
    }
}

async fn own(db: &impl Conn, organization: OrganizationId, tag: TagId) -> Result<Tag> {
    match store::tags::look_up(db, organization, tag).await? {
        Lookup::Own(tag) => Ok(tag),
        Lookup::Foreign => Err(Error::forbidden("This tag is not one of your active organization.")),
        Lookup::Unknown => Err(Error::not_found("There is no such tag.")),
    }
}

async fn refuse_too_many(tx: &WriteTx, organization: OrganizationId) -> Result<()> {
    if store::tags::count_of(tx, organization).await? < MAX_TAGS {
        return Ok(());
    }
    let text =
        format!("An organization has {MAX_TAGS} tags at most. Delete one that is not needed any more.");
    Err(Error::text(ErrorKind::Conflict, text))
}

fn slug_is_taken(tag: &Tag) -> Error {
    let text = format!("There is a tag with the slug \"{}\" already. Choose another slug.", tag.slug);
    Error::text(ErrorKind::Conflict, text)
}

/// What people chose about a tag.
fn content(tag: &Tag) -> Value {
    json!({"name": tag.name, "slug": tag.slug, "color": tag.color, "description": tag.description})
}

fn activity(event: &'static str, verb: &str, tag: &Tag, session: &UserSession, data: Value) -> NewActivity {
    NewActivity::new(event, format!("Tag \"{}\" {verb}", tag.name)).user(Some(session.user.id)).data(data)
}
