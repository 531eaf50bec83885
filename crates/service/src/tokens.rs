//! API tokens: making, listing and ending them, and signing in with one.
//!
//! A token is looked up by its hash at every request, together with its owner as it stands then. So one that is
//! revoked, expired or whose owner lost something is noticed at once, on every node, and comparing takes the same time
//! for every guess.

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{ApiTokenId, OrganizationId, UserId};
use mc_model::organization::Member;
use mc_model::secret::{self, API_TOKEN_PREFIX};
use mc_model::token::{ApiToken, LAST_USED_INTERVAL, MAX_ACTIVE, NewApiToken, TokenLimits};
use mc_model::user::User;
use mc_model::{Error, ErrorKind, Page, PageRequest, Result};
use mc_store::{self as store, Store, WriteTx};
use secrecy::SecretString;
use serde_json::json;

use crate::access::{AccountHolder, Actor, UserSession};
use crate::auth::hash_agent_token;
use crate::{RequestContext, Services};

/// A token just made. This is the one time its text is known.
#[derive(Debug)]
pub struct MadeToken {
    /// What is stored.
    pub token: ApiToken,
    /// The token itself.
    pub secret: SecretString,
}

/// Who makes or ends a token, as the activity names it.
pub(crate) enum Author<'a> {
    /// The owner, signed in or with a token of scope `admin`.
    Owner(Option<&'a TokenLimits>),
    /// The person at the command line of the server.
    Operator,
}

impl Author<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Owner(None) => "owner",
            Self::Owner(Some(_)) => "token",
            Self::Operator => "operator",
        }
    }

    fn token(&self) -> Option<ApiTokenId> {
        match self {
            Self::Owner(limits) => limits.map(|limits| limits.token_id),
            Self::Operator => None,
        }
    }

    /// The user that the activity names as its author.
    fn user(&self, owner: UserId) -> Option<UserId> {
        matches!(self, Self::Owner(_)).then_some(owner)
    }
}

impl Services {
    /// Makes a token for the caller.
    ///
    /// # Errors
    /// 422 for an end that is not allowed; 404 or 403 for a board out of the caller's reach; 409 when the caller has
    /// [`MAX_ACTIVE`] tokens in use.
    pub async fn create_token(
        &self,
        context: &RequestContext,
        holder: &AccountHolder,
        new: NewApiToken,
    ) -> Result<MadeToken> {
        let session = &holder.0;
        new.check_expiry(self.now(), session.limits())?;
        let organization = match new.board_id {
            Some(board) => {
                let reader = self.board_reader(Actor::User(session.clone()), board).await?;
                Some(reader.board.organization_id)
            }
            None => None,
        };
        let author = Author::Owner(session.limits());
        let home = session.member.organization_id;
        make(&self.store, context.id(), home, &session.user, organization, &new, &author).await
    }

    /// The caller's tokens, newest first; those revoked are left out unless asked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tokens(
        &self,
        holder: &AccountHolder,
        with_revoked: bool,
        page: PageRequest,
    ) -> Result<Page<ApiToken>> {
        store::api_tokens::of_user(self.store.reader(), holder.0.user.id, with_revoked, page).await
    }

    /// Ends a token of the caller: the next request with it gets 401, on every node.
    ///
    /// # Errors
    /// 404 when the caller has no such token, or it was revoked before.
    pub async fn revoke_token(
        &self,
        context: &RequestContext,
        holder: &AccountHolder,
        token: ApiTokenId,
    ) -> Result<ApiToken> {
        let session = &holder.0;
        let home = Some(session.member.organization_id);
        let author = Author::Owner(session.limits());
        end(&self.store, context.id(), home, session.user.id, token, &author).await
    }

    /// The session of the owner of an API token, within the limits of the token.
    ///
    /// # Errors
    /// 401 for a token that is unknown, expired or revoked; 403 when its owner has left all organizations.
    pub(crate) async fn session_of_api_token(&self, token: &str) -> Result<UserSession> {
        let hash = hash_agent_token(token);
        let found = store::api_tokens::bearer(self.store.reader(), &hash).await?;
        let now = self.now();
        let bearer = found.filter(|bearer| bearer.token.is_active(now)).ok_or_else(Error::unauthenticated)?;
        if bearer.token.use_is_stale(now) {
            self.note_use(bearer.token.id);
        }
        let member = match bearer.member {
            Some(member) => member,
            None => self.adopt_membership(&bearer.user).await?,
        };
        Ok(UserSession { limits: Some(bearer.token.limits()), ..UserSession::full(bearer.user, member) })
    }

    /// Writes the time of the use down without letting the request wait for it.
    fn note_use(&self, token: ApiTokenId) {
        let store = self.store.clone();
        self.tracker.spawn(async move {
            let noted = store
                .write(None, None, async |tx| {
                    store::api_tokens::touch(tx, token, tx.now().before(LAST_USED_INTERVAL)).await
                })
                .await;
            if let Err(error) = noted {
                tracing::warn!(%error, token.id = %token, "api_token.use_not_noted");
            }
        });
    }

    /// An owner without an active organization gets the oldest one, as when signing in; but a token makes none.
    async fn adopt_membership(&self, user: &User) -> Result<Member> {
        self.store
            .write(None, None, async |tx| {
                store::users::lock(tx, user.id).await?;
                let found = store::users::with_active_membership(tx, &user.external_id).await?;
                let (user, active) = found.ok_or_else(Error::unauthenticated)?;
                if let Some(member) = active {
                    return Ok(member);
                }
                let member =
                    store::organizations::oldest_membership(tx, user.id).await?.ok_or_else(|| {
                        Error::forbidden(
                            "The owner of this token is in no organization. The owner has to sign in first.",
                        )
                    })?;
                store::users::set_active_organization(tx, user.id, Some(member.organization_id)).await?;
                Ok(member)
            })
            .await
    }
}

/// The text of a bearer that has the form of an API token.
pub(crate) fn as_api_token(bearer: &[u8]) -> Option<&str> {
    std::str::from_utf8(bearer).ok().filter(|text| text.starts_with(API_TOKEN_PREFIX))
}

/// Makes a token. `home` is the organization whose log tells of it, `organization` that of the board it is limited to.
pub(crate) async fn make(
    store: &Store,
    request_id: Option<&str>,
    home: OrganizationId,
    owner: &User,
    organization: Option<OrganizationId>,
    new: &NewApiToken,
    author: &Author<'_>,
) -> Result<MadeToken> {
    let text = secret::api_token()?;
    let hash = hash_agent_token(&text);
    let token = store
        .write(Scope::Organization(home), request_id, async |tx| {
            // Behind the lock neither the account can go nor another token be counted past the limit.
            store::users::lock(tx, owner.id).await?;
            let account = store::users::with_active_membership(tx, &owner.external_id).await?;
            account.ok_or_else(Error::unauthenticated)?;
            refuse_too_many(tx, owner.id).await?;
            let token = ApiToken {
                id: ApiTokenId::generate(),
                user_id: owner.id,
                organization_id: organization,
                board_id: new.board_id,
                name: new.name.clone(),
                scope: new.scope,
                expires_at: new.expires_at,
                last_used_at: None,
                revoked_at: None,
                created_at: tx.now(),
            };
            store::api_tokens::insert(tx, &token, &hash).await?;
            tx.activity(activity(kind::API_TOKEN_CREATED, "created", &token, author));
            Ok(token)
        })
        .await?;
    Ok(MadeToken { token, secret: SecretString::from(text) })
}

async fn refuse_too_many(tx: &WriteTx, owner: UserId) -> Result<()> {
    if store::api_tokens::count_active(tx, owner, tx.now()).await? < MAX_ACTIVE {
        return Ok(());
    }
    Err(Error::text(
        ErrorKind::Conflict,
        format!("There are {MAX_ACTIVE} tokens in use already. Revoke one that is not needed any more."),
    ))
}

/// Ends a token of `owner`. Without an organization to tell of it, the log of the process does.
pub(crate) async fn end(
    store: &Store,
    request_id: Option<&str>,
    home: Option<OrganizationId>,
    owner: UserId,
    token: ApiTokenId,
    author: &Author<'_>,
) -> Result<ApiToken> {
    let ended = store
        .write(home.map(Scope::Organization), request_id, async |tx| {
            if !store::api_tokens::revoke(tx, owner, token).await? {
                return Err(no_such_token());
            }
            let ended = store::api_tokens::own(tx, owner, token).await?.ok_or_else(no_such_token)?;
            if home.is_some() {
                tx.activity(activity(kind::API_TOKEN_REVOKED, "revoked", &ended, author));
            }
            Ok(ended)
        })
        .await?;
    if home.is_none() {
        tracing::info!(token.id = %token, user.id = %owner, by = author.name(), "audit.api_token_revoked");
    }
    Ok(ended)
}

fn no_such_token() -> Error {
    Error::not_found("There is no such token, or it was revoked before.")
}

fn activity(event: &'static str, verb: &str, token: &ApiToken, author: &Author<'_>) -> NewActivity {
    NewActivity::new(event, format!("API token \"{}\" {verb}", token.name))
        .user(author.user(token.user_id))
        .data(json!({
            "token_id": token.id,
            "owner_user_id": token.user_id,
            "name": token.name,
            "scope": token.scope.as_str(),
            "board_id": token.board_id,
            "expires_at": token.expires_at,
            "by": author.name(),
            "with_token_id": author.token(),
        }))
}
