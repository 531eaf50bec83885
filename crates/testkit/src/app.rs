//! The whole application in this process, on a database of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use mc_api::client_ip::Peer;
use mc_api::limit::Limiter;
use mc_api::settings::Limits;
use mc_api::{AppState, HttpSettings};
use mc_model::user::local;
use mc_service::Services;
use mc_service::auth::{TestTokens, UserAuth};
use mc_store::{Store, StoreOptions};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::world;
use crate::{Actor, Answer, Backend, EventStream, ManualClock, TestDatabase};

/// Where requests of tests come from, unless they say otherwise (documentation range of RFC 5737).
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);

/// A running application. Streams and background work end when it is dropped.
pub struct TestApp {
    router: Router,
    state: AppState,
    store: Store,
    clock: ManualClock,
    settings: HttpSettings,
    sign_in: SignIn,
    shutdown: CancellationToken,
    // Last, so that it is dropped after everything that is connected to it.
    database: Arc<TestDatabase>,
}

/// How a [`TestApp`] shall be.
pub struct TestAppBuilder {
    backend: Backend,
    settings: HttpSettings,
    sign_in: SignIn,
}

/// How people sign in at each node, given the clock of the test.
type SignIn = Arc<dyn Fn(&ManualClock) -> UserAuth + Send + Sync>;

/// The people of [`crate::World`], each with a token.
fn test_tokens(_: &ManualClock) -> UserAuth {
    let people = TestTokens::default().with(world::OWNER_TOKEN, local::EXTERNAL_ID);
    UserAuth::Test(
        world::OTHERS.iter().fold(people, |people, name| people.with(&world::token_of(name), name)),
    )
}

impl TestAppBuilder {
    /// Changes the settings of the HTTP layers.
    #[must_use]
    pub fn http(mut self, change: impl FnOnce(&mut HttpSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Turns the documented rate limits on; without this there are none.
    #[must_use]
    pub fn with_limits(self) -> Self {
        self.http(|settings| settings.limits = Limits::default())
    }

    /// Lets people sign in this way instead of with the tokens of [`crate::World`].
    #[must_use]
    pub fn sign_in(mut self, way: impl Fn(&ManualClock) -> UserAuth + Send + Sync + 'static) -> Self {
        self.sign_in = Arc::new(way);
        self
    }

    /// Starts the application on a fresh database.
    pub async fn start(self) -> TestApp {
        let database = Arc::new(TestDatabase::new(self.backend).await);
        TestApp::on(database, self.settings, self.sign_in, ManualClock::default()).await
    }
}

impl TestApp {
    /// An application on a fresh database, without rate limits.
    pub async fn new(backend: Backend) -> Self {
        Self::builder(backend).start().await
    }

    /// Describe the application first.
    #[must_use]
    pub fn builder(backend: Backend) -> TestAppBuilder {
        let limits = Limits { agent_auth: None, webhook_ingest: None };
        let settings = HttpSettings { limits, ..HttpSettings::default() };
        TestAppBuilder { backend, settings, sign_in: Arc::new(test_tokens) }
    }

    /// A second server on the same database, with the same settings and clock and with counts of its own.
    pub async fn another_node(&self) -> Self {
        let (database, sign_in) = (Arc::clone(&self.database), Arc::clone(&self.sign_in));
        Self::on(database, self.settings.clone(), sign_in, self.clock.clone()).await
    }

    async fn on(
        database: Arc<TestDatabase>,
        settings: HttpSettings,
        sign_in: SignIn,
        clock: ManualClock,
    ) -> Self {
        let options = StoreOptions { url: database.url().to_owned() };
        let store = Store::open(&options, Arc::new(clock.clone())).await.expect("the database opens");
        let shutdown = CancellationToken::new();
        let services = Services::start(store.clone(), sign_in(&clock), shutdown.clone());
        services.prepare_sign_in().await.expect("the database takes what signing in needs");
        let limiter = Limiter::start(&settings.limiter).await.expect("the limiter starts");
        let state = AppState::new(services, limiter, &settings);
        let router = mc_api::app(state.clone(), &settings);
        Self { router, state, store, clock, settings, sign_in, shutdown, database }
    }

    /// The use cases, for what no operation offers.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.state.services
    }

    /// The database's functions, for rows that no operation makes.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock that stamps what is written. It stands still until the test moves it.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The OpenAPI document.
    #[must_use]
    pub fn openapi(&self) -> Value {
        mc_api::openapi(&self.state)
    }

    /// The names that different types of the document share.
    #[must_use]
    pub fn schema_clashes(&self) -> Vec<String> {
        mc_api::schema_clashes(&self.state)
    }

    /// Ends all streams and background work, as the end of the process would.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// Sends GET.
    pub async fn get(&self, actor: &Actor, path: &str) -> Answer {
        self.call(actor, Method::GET, path, None).await
    }

    /// Sends POST with a JSON body.
    pub async fn post(&self, actor: &Actor, path: &str, body: Value) -> Answer {
        self.call(actor, Method::POST, path, Some(body)).await
    }

    /// Sends PATCH with a JSON body.
    pub async fn patch(&self, actor: &Actor, path: &str, body: Value) -> Answer {
        self.call(actor, Method::PATCH, path, Some(body)).await
    }

    /// Sends PUT with a JSON body.
    pub async fn put(&self, actor: &Actor, path: &str, body: Value) -> Answer {
        self.call(actor, Method::PUT, path, Some(body)).await
    }

    /// Sends DELETE.
    pub async fn delete(&self, actor: &Actor, path: &str) -> Answer {
        self.call(actor, Method::DELETE, path, None).await
    }

    /// Sends a request with or without a JSON body.
    pub async fn call(&self, actor: &Actor, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.send(request(actor, method, path, body)).await
    }

    /// Sends a request as it is and reads the whole answer.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.respond(request).await.into_parts();
        let body = body.collect().await.expect("the body of an answer does not break").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Opens a stream; `headers` are added to the request, `Last-Event-ID` for one.
    pub async fn stream(&self, actor: &Actor, path: &str, headers: &[(&'static str, &str)]) -> EventStream {
        let mut request = request(actor, Method::GET, path, None);
        for (name, value) in headers {
            let value = value.parse().expect("header values of tests are plain text");
            request.headers_mut().insert(*name, value);
        }
        self.open(request).await
    }

    /// Sends a request and hands over the answer with its body unread.
    pub async fn open(&self, request: Request<Body>) -> EventStream {
        let (parts, body) = self.respond(request).await.into_parts();
        EventStream::new(parts.status, parts.headers, body)
    }

    async fn respond(&self, mut request: Request<Body>) -> axum::response::Response {
        if request.extensions().get::<Peer>().is_none() {
            request.extensions_mut().insert(Peer(CLIENT));
        }
        self.router.clone().oneshot(request).await.expect("the application answers every request")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A request of `actor`, to be changed and sent with [`TestApp::send`].
///
/// # Panics
/// When `path` is no path.
#[must_use]
pub fn request(actor: &Actor, method: Method, path: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, "mission-control.test");
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut request = request.body(body).unwrap_or_else(|error| panic!("{path:?} is no path: {error}"));
    actor.write_to(request.headers_mut());
    request
}
