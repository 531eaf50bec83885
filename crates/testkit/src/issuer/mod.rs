//! An identity provider on a port of this machine: real HTTP, real RSA keys, and the ways in which such servers fail.
//!
//! It speaks as an OpenID Connect issuer (discovery and keys) and as Clerk's API (keys and users behind a secret).

mod key;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mc_model::Timestamp;
use mc_service::auth::{AdminGroup, Clerk, ClerkSettings, Oidc, OidcSettings, Outbound, UserAuth};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use key::{SigningKey, hs256_token, token_signed};

use crate::ManualClock;

/// The secret that Clerk's API asks for.
pub const CLERK_SECRET: &str = "sk_test_of_the_issuer";
/// The audience of the tokens of [`TestIssuer::claims`].
pub const AUDIENCE: &str = "mission-control";
/// The group of admins and the organization that it administers; see [`TestIssuer::oidc_settings`].
pub const ADMIN_GROUP: &str = "mc-admins";
/// See [`ADMIN_GROUP`].
pub const ADMIN_ORGANIZATION: &str = "Headquarters";

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Up,
    /// It closes every connection at once.
    Down,
    /// It answers 500 to everything.
    Broken,
    /// It takes requests and answers none until it is in another state.
    Hanging,
}

/// A running identity provider; it ends with this value.
pub struct TestIssuer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    url: String,
    inside: Mutex<Inside>,
}

struct Inside {
    health: Health,
    signing: Arc<SigningKey>,
    made: usize,
    published: Vec<Value>,
    requests: BTreeMap<String, usize>,
    users: BTreeMap<String, Value>,
    redirect: Option<String>,
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl TestIssuer {
    /// Starts one with one key and nobody in it.
    ///
    /// # Panics
    /// When this machine has no port left.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let signing = Arc::new(SigningKey::generate("key-1"));
        let inside = Inside {
            health: Health::Up,
            published: vec![signing.published()],
            signing,
            made: 1,
            requests: BTreeMap::new(),
            users: BTreeMap::new(),
            redirect: None,
        };
        let shared = Arc::new(Shared { url: format!("http://{address}"), inside: Mutex::new(inside) });
        let server = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { address, shared, server }
    }

    /// Its address, which is its name as an issuer.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it behave like this from now on.
    pub fn turn(&self, health: Health) {
        self.shared.inside().health = health;
    }

    /// The key that signs at the moment.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.shared.inside().signing)
    }

    /// Signs with a new key from now on and publishes only that one.
    pub fn rotate(&self) {
        let key = self.new_key();
        self.shared.inside().published = vec![key.published()];
    }

    /// Signs with a new key from now on and publishes the old ones too.
    pub fn add_key(&self) {
        let key = self.new_key();
        self.shared.inside().published.push(key.published());
    }

    /// Publishes exactly this.
    pub fn publish(&self, keys: Vec<Value>) {
        self.shared.inside().published = keys;
    }

    /// What is published.
    #[must_use]
    pub fn published(&self) -> Vec<Value> {
        self.shared.inside().published.clone()
    }

    fn new_key(&self) -> Arc<SigningKey> {
        let mut inside = self.shared.inside();
        inside.made += 1;
        inside.signing = Arc::new(SigningKey::generate(&format!("key-{}", inside.made)));
        Arc::clone(&inside.signing)
    }

    /// Answers requests for keys with a redirect to this address.
    pub fn redirect_keys_to(&self, address: &str) {
        self.shared.inside().redirect = Some(address.to_owned());
    }

    /// How often something was asked for, such as `GET /v1/jwks` or `DELETE /v1/users/user_1`. Requests that came while
    /// it was down are not known.
    #[must_use]
    pub fn requests(&self, what: &str) -> usize {
        self.shared.inside().requests.get(what).copied().unwrap_or_default()
    }

    /// Waits until something was asked for `count` times.
    ///
    /// # Panics
    /// When that does not happen within a minute.
    pub async fn wait_for_requests(&self, what: &str, count: usize) {
        let enough = async {
            while self.requests(what) < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), enough).await.is_err() {
            panic!("{what} was asked for {} times, not {count}", self.requests(what));
        }
    }

    /// Gives Clerk's API this profile of a user; it has an `id` in it.
    ///
    /// # Panics
    /// When it has not.
    pub fn add_user(&self, profile: Value) {
        let id = profile["id"].as_str().expect("a profile with an id").to_owned();
        self.shared.inside().users.insert(id, profile);
    }

    /// A user of Clerk with a verified primary address.
    pub fn add_clerk_user(&self, id: &str, first_name: &str, email: &str) {
        self.add_user(json!({
            "id": id, "first_name": first_name, "last_name": "Example", "username": null,
            "primary_email_address_id": "idn_1",
            "email_addresses": [
                { "id": "idn_1", "email_address": email, "verification": { "status": "verified" } },
            ],
        }));
    }

    /// Deletes a user behind everybody's back.
    pub fn remove_user(&self, id: &str) {
        self.shared.inside().users.remove(id);
    }

    /// Whether Clerk's API has this user.
    #[must_use]
    pub fn has_user(&self, id: &str) -> bool {
        self.shared.inside().users.contains_key(id)
    }

    /// The claims of a token for `subject` that is good for a minute from `now` on.
    #[must_use]
    pub fn claims(&self, subject: &str, now: Timestamp) -> Value {
        let seconds = now.micros() / 1_000_000;
        json!({ "iss": self.url(), "sub": subject, "iat": seconds, "nbf": seconds, "exp": seconds + 60 })
    }

    /// A genuine token for `subject`, good for a minute; `more` is added to its claims.
    ///
    /// # Panics
    /// When `more` is no object.
    #[must_use]
    pub fn token(&self, subject: &str, now: Timestamp, more: Value) -> String {
        let mut claims = self.claims(subject, now);
        for (name, value) in more.as_object().expect("an object of claims") {
            claims[name] = value.clone();
        }
        self.key().token(&claims)
    }

    /// Settings for signing in with this server as Clerk.
    #[must_use]
    pub fn clerk_settings(&self) -> ClerkSettings {
        ClerkSettings {
            secret_key: CLERK_SECRET.into(),
            api_url: self.url().to_owned(),
            verify_issue_time: true,
            leeway: Duration::from_secs(10),
            issuer: None,
            audiences: Vec::new(),
            authorized_parties: Vec::new(),
        }
    }

    /// Settings for signing in with this server as OpenID Connect issuer, with a group of admins.
    #[must_use]
    pub fn oidc_settings(&self) -> OidcSettings {
        OidcSettings {
            issuer: self.url().to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            leeway: Duration::from_secs(10),
            email_claim: "email".to_owned(),
            name_claim: "name".to_owned(),
            admins: Some(AdminGroup {
                claim: "groups".to_owned(),
                group: ADMIN_GROUP.to_owned(),
                organization: ADMIN_ORGANIZATION.to_owned(),
            }),
        }
    }
}

/// Signing in with Clerk as the settings say.
///
/// # Panics
/// When no client can be made.
#[must_use]
pub fn clerk(settings: &ClerkSettings, clock: &ManualClock) -> UserAuth {
    let outbound = Outbound::direct().expect("a client");
    UserAuth::Clerk(Box::new(Clerk::new(settings.clone(), outbound, Arc::new(clock.clone()))))
}

/// Signing in with an OpenID Connect issuer as the settings say.
///
/// # Panics
/// When no client can be made.
#[must_use]
pub fn oidc(settings: &OidcSettings, clock: &ManualClock) -> UserAuth {
    let outbound = Outbound::direct().expect("a client");
    UserAuth::Oidc(Box::new(Oidc::new(settings.clone(), outbound, Arc::new(clock.clone()))))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let routes = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/keys", get(keys))
        .route("/v1/jwks", get(clerk_keys))
        .route("/v1/users/{id}", get(user).delete(delete_user))
        .layer(from_fn_with_state(Arc::clone(&shared), behave))
        .with_state(Arc::clone(&shared));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if shared.inside().health == Health::Down {
            continue;
        }
        let service = TowerToHyperService::new(routes.clone());
        // One request per connection: a server that goes down has none left open.
        let mut connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.keep_alive(false).serve_connection(TokioIo::new(stream), service));
    }
}

/// Counts the request and fails it as the server's health says.
async fn behave(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    *shared.inside().requests.entry(what).or_default() += 1;
    while shared.inside().health == Health::Hanging {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if shared.inside().health == Health::Broken {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let is_clerk = request.uri().path().starts_with("/v1/");
    let secret = request.headers().get(header::AUTHORIZATION);
    if is_clerk && secret.is_none_or(|value| value != &format!("Bearer {CLERK_SECRET}")) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "errors": [{ "code": "clerk_key_invalid" }] })))
            .into_response();
    }
    next.run(request).await
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let url = &shared.url;
    Json(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    let inside = shared.inside();
    match &inside.redirect {
        Some(address) => (StatusCode::FOUND, [(header::LOCATION, address.clone())]).into_response(),
        None => Json(json!({ "keys": inside.published })).into_response(),
    }
}

async fn clerk_keys(state: State<Arc<Shared>>) -> Response {
    keys(state).await
}

async fn user(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    shared.inside().users.get(&id).map_or_else(no_such_user, |profile| Json(profile.clone()).into_response())
}

async fn delete_user(State(shared): State<Arc<Shared>>, Path(id): Path<String>, _: Method) -> Response {
    match shared.inside().users.remove(&id) {
        Some(_) => Json(json!({ "object": "user", "id": id, "deleted": true })).into_response(),
        None => no_such_user(),
    }
}

/// As Clerk says it.
fn no_such_user() -> Response {
    let error = json!({ "code": "resource_not_found", "message": "not found" });
    (StatusCode::NOT_FOUND, Json(json!({ "errors": [error] }))).into_response()
}
