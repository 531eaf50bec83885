//! Requests to the identity provider: always with a deadline and a bound on the answer, never sent on to another host.

use std::fmt;
use std::time::Duration;

use mc_model::{Error, Result};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How long one request may take, from the first packet to the last byte.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// The largest answer that is read: a set of 1,000 keys with certificates has about 3 MB.
const MAX_ANSWER: usize = 4 << 20;
/// How many times an answer may name another address of the same server.
const MAX_REDIRECTS: usize = 3;

/// The HTTP client for the identity provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound(Client);

/// Why there is no answer to use.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server cannot be reached, or broke off.
    Unreachable(reqwest::Error),
    /// No complete answer in time.
    TooSlow,
    /// The answer is larger than any honest one.
    TooLarge,
    /// An answer that is no success, with what it said.
    Status(u16, Value),
    /// The answer does not say what it should.
    Senseless(&'static str),
}

impl Outbound {
    /// A client that trusts the certificates of the machine and the common public ones, and uses the proxies that the
    /// environment names.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self> {
        Self::build(Client::builder())
    }

    /// A client that goes straight to the server, whatever proxies the environment names.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn direct() -> Result<Self> {
        Self::build(Client::builder().no_proxy())
    }

    fn build(builder: reqwest::ClientBuilder) -> Result<Self> {
        let builder = builder
            .timeout(DEADLINE)
            .redirect(Policy::custom(stay_on_server))
            .user_agent(concat!("mission-control/", env!("CARGO_PKG_VERSION")));
        builder.build().map(Self).map_err(Error::internal)
    }

    /// Fetches JSON.
    pub(super) async fn get(&self, url: &str, secret: Option<&SecretString>) -> Result<Value, Fault> {
        self.send(Method::GET, url, secret).await
    }

    /// Asks for a deletion. The answer's body does not matter.
    pub(super) async fn delete(&self, url: &str, secret: &SecretString) -> Result<(), Fault> {
        match self.send(Method::DELETE, url, Some(secret)).await {
            Ok(_) | Err(Fault::Senseless(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    async fn send(&self, method: Method, url: &str, secret: Option<&SecretString>) -> Result<Value, Fault> {
        let mut request = self.0.request(method, url).header(ACCEPT, "application/json");
        if let Some(secret) = secret {
            // An error would say which characters are wrong, so it is not passed on.
            let value = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
                .map_err(|_| Fault::Senseless("the secret cannot stand in a header"))?;
            request = request.header(reqwest::header::AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(Fault::of)?;
        let status = response.status();
        let body = read(response).await?;
        let json = serde_json::from_slice(&body);
        if status.is_success() {
            json.map_err(|_| Fault::Senseless("the answer is not JSON"))
        } else {
            Err(Fault::Status(status.as_u16(), json.unwrap_or_default()))
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Fault::of)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Fault::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Follows a redirect within the server only: what another host says of our users proves nothing.
fn stay_on_server(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let origin = attempt.previous().first().map(reqwest::Url::origin);
    if attempt.previous().len() <= MAX_REDIRECTS && origin == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

impl Fault {
    fn of(error: reqwest::Error) -> Self {
        // The address may carry a person's id; the log has no use for it.
        if error.is_timeout() { Self::TooSlow } else { Self::Unreachable(error.without_url()) }
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooSlow => true,
            Self::Status(status, _) => *status == 429 || *status >= 500,
            Self::TooLarge | Self::Senseless(_) => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot be reached: {error}"),
            Self::TooSlow => write!(f, "gave no answer within {} seconds", DEADLINE.as_secs()),
            Self::TooLarge => write!(f, "answered with more than {MAX_ANSWER} bytes"),
            Self::Status(status, _) => write!(f, "answered with status {status}"),
            Self::Senseless(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}
