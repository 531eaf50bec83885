//! The HTTP client of the demo: what an agent with a token, or a person with one, can ask.

use std::time::Duration;

use mc_api::limit::Limit;
use mc_model::ids::BoardId;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::pace;
use crate::start::StartError;

/// How long the server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a stream may be silent; the server pings every fifteen seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// How long a pause is when the server asks for one but not for how long.
const PAUSE: Duration = Duration::from_secs(5);

/// A server, and the person who watches.
#[derive(Clone)]
pub(super) struct Api {
    base: String,
    calls: reqwest::Client,
    streams: reqwest::Client,
    person: SecretString,
}

/// What a board has a list and a stream of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matter {
    Tasks,
    Approvals,
}

impl Matter {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Approvals => "approvals",
        }
    }
}

/// Who is at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A server of ours.
    Server,
    /// Nobody listens.
    Nobody,
    /// Something else, in a word.
    Stranger(String),
}

/// Why a request did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The limit is used up; come back after this time.
    Busy(Duration),
    /// The token is unknown.
    Unknown,
    /// What the request is about is gone.
    Gone,
    /// The server says no, and why.
    Refused(String),
    /// The server does not answer, or is in trouble.
    Away(String),
}

/// A good answer.
pub(super) struct Answer {
    pub body: Value,
    /// The limit on agents, when the server has one.
    pub limit: Option<Limit>,
}

impl Api {
    pub(super) fn new(base: &str, person: SecretString) -> Result<Self, StartError> {
        let client = |builder: reqwest::ClientBuilder| {
            // A proxy of the environment knows nothing of a server on this machine.
            builder.no_proxy().connect_timeout(TIMEOUT).build().map_err(|error| {
                StartError::new("no HTTP client can be made", "free some memory").because(error)
            })
        };
        Ok(Self {
            base: base.to_owned(),
            calls: client(reqwest::Client::builder().timeout(TIMEOUT))?,
            streams: client(reqwest::Client::builder().read_timeout(SILENCE))?,
            person,
        })
    }

    /// The address of the server.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks who is there.
    pub(super) async fn probe(&self) -> Found {
        let answer = match self.calls.get(format!("{}/healthz", self.base)).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Found::Nobody,
            Err(error) => return Found::Stranger(reason(&error)),
        };
        let status = answer.status();
        match answer.json::<Value>().await {
            Ok(body) if body["ok"] == true => Found::Server,
            _ => Found::Stranger(format!("it answered {status} to /healthz")),
        }
    }

    /// A request of the agent with this token; `path` comes after `/api/v1/agent`.
    pub(super) async fn as_agent(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let mut request = self.calls.request(method, format!("{}/api/v1/agent{path}", self.base));
        request = request.header("x-agent-token", token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = send(request).await?;
        let policy = answer.headers().get("ratelimit-policy").and_then(|policy| policy.to_str().ok());
        let limit = policy.and_then(pace::read_policy);
        let body = answer.json().await.map_err(|error| Failure::Away(reason(&error)))?;
        Ok(Answer { body, limit })
    }

    /// A request of the person; `path` comes after `/api/v1`.
    pub(super) async fn as_person(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self.calls.request(method, format!("{}/api/v1{path}", self.base));
        request = request.bearer_auth(self.person.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        send(request).await?.json().await.map_err(|error| Failure::Away(reason(&error)))
    }

    /// The newest tasks or approvals of the board, as the person sees them.
    pub(super) async fn list(&self, board: BoardId, what: Matter) -> Result<Value, Failure> {
        let path = format!("/boards/{board}/{}?limit=200", what.as_str());
        self.as_person(Method::GET, &path, None).await
    }

    /// An open stream of the board, after the event with the number `after`, else from now on.
    pub(super) async fn stream(
        &self,
        board: BoardId,
        what: Matter,
        after: Option<&str>,
    ) -> Result<Response, Failure> {
        let path = format!("/boards/{board}/{}/stream", what.as_str());
        let mut request = self.streams.get(format!("{}/api/v1{path}", self.base));
        request = request.bearer_auth(self.person.expose_secret());
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        send(request).await
    }
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    let answer = request.send().await.map_err(|error| Failure::Away(reason(&error)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => {
            let after = answer.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok());
            let seconds = after.and_then(|after| after.trim().parse().ok());
            Failure::Busy(seconds.map_or(PAUSE, Duration::from_secs))
        }
        StatusCode::UNAUTHORIZED => Failure::Unknown,
        StatusCode::NOT_FOUND => Failure::Gone,
        status if status.is_client_error() => Failure::Refused(explanation(status, answer).await),
        status => Failure::Away(format!("it answered {status}")),
    })
}

/// What an error body says, in one line.
async fn explanation(status: StatusCode, answer: Response) -> String {
    let body: Value = answer.json().await.unwrap_or_default();
    let text = body["detail"].as_str().or_else(|| body["detail"]["message"].as_str());
    text.map_or_else(|| status.to_string(), str::to_owned)
}

/// The innermost cause: the outer ones only repeat the address.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
