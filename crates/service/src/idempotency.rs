//! Changes that a caller may ask for twice and that happen once.
//!
//! A request with a key leaves its answer behind in the transaction of its change, so a crash never parts them; a
//! request that is refused leaves nothing. The same request with the same key gets that answer for a day. While the
//! first is being worked on here, others are told to come again; one that comes to another node waits for the lock of
//! the board and then finds the answer.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mc_model::event::Scope;
use mc_model::ids::BoardId;
use mc_model::{Error, ErrorKind, Result};
use mc_store::idempotency::{KeptAnswer, Place};
use mc_store::{self as store, WriteTx};
use serde_json::json;
use uuid::Uuid;

use crate::access::Actor;
use crate::parts_hash::PartsHash;
use crate::{RequestContext, Services};

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// When to come again while the first request with the key is being worked on.
const COME_AGAIN: Duration = Duration::from_secs(1);
/// The status of the answers that are kept: refusals are not.
const DONE: u16 = 200;

/// The key of a request and what the request asked for.
#[derive(Clone, Debug)]
pub struct RequestKey {
    key: String,
    request_hash: String,
}

impl RequestKey {
    /// `parts` say what is asked for: another list of them is another request.
    #[must_use]
    pub fn new(key: String, parts: &[&[u8]]) -> Self {
        let mut hash = PartsHash::default();
        for part in parts {
            hash.add(part);
        }
        Self { key, request_hash: URL_SAFE_NO_PAD.encode(hash.finish()) }
    }
}

/// That a change shall happen once: by which key, and how its answer is written down.
#[derive(Clone, Debug)]
pub struct Once<T> {
    /// The key.
    pub key: RequestKey,
    /// Writes the answer.
    pub render: fn(&T) -> Result<String>,
}

/// What became of a change that shall happen once.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It happened.
    Done(T),
    /// It happened before; this was the answer.
    Before(KeptAnswer),
}

impl<T> Outcome<T> {
    /// What was made by a request without a key.
    pub(crate) fn done(self) -> Result<T> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Before(_) => Err(Error::internal("a change without a key was answered from memory")),
        }
    }
}

/// The places of requests that are being worked on in this process.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<Place>>>);

/// One of them, until it is dropped.
struct Flight {
    all: InFlight,
    place: Place,
}

impl InFlight {
    fn enter(&self, place: &Place) -> Result<Flight> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.insert(place.clone()) {
            return Ok(Flight { all: self.clone(), place: place.clone() });
        }
        let message = "A request with this Idempotency-Key is being worked on. Send it again in a second.";
        let detail = json!({"message": message, "code": "idempotency_key_in_flight"});
        Err(Error::object(ErrorKind::Conflict, detail).retry_after(COME_AGAIN))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
    }
}

impl Services {
    /// Runs `work` as one transaction on the board, unless `once` is given and it was done before.
    ///
    /// # Errors
    /// As [`mc_store::Store::write`]; 409 while the same key is being worked on, 422 when it was used for something
    /// else.
    pub(crate) async fn write_once<T, F>(
        &self,
        context: &RequestContext,
        board: BoardId,
        actor: &Actor,
        once: Option<&Once<T>>,
        work: F,
    ) -> Result<Outcome<T>>
    where
        F: AsyncFnOnce(&mut WriteTx) -> Result<T> + Clone,
    {
        let Some(once) = once else {
            return self.store.write(Scope::Board(board), context.id(), work).await.map(Outcome::Done);
        };
        let place = Place { scope: board.0, caller: caller(actor), key: once.key.key.clone() };
        let _flight = self.in_flight.enter(&place)?;
        let place = &place;
        self.store
            .write(Scope::Board(board), context.id(), async |tx| {
                if let Some(kept) = store::idempotency::find(tx, place).await? {
                    return again(kept, &once.key);
                }
                let value = work(tx).await?;
                let request_hash = once.key.request_hash.clone();
                let answer = KeptAnswer { request_hash, status: DONE, body: (once.render)(&value)? };
                store::idempotency::keep(tx, place, &answer, tx.now().after(KEPT_FOR)).await?;
                store::idempotency::sweep(tx).await?;
                Ok(Outcome::Done(value))
            })
            .await
    }
}

fn caller(actor: &Actor) -> Uuid {
    match actor {
        Actor::User(session) => session.user.id.0,
        Actor::Agent(session) => session.agent.id.0,
    }
}

fn again<T>(kept: KeptAnswer, key: &RequestKey) -> Result<Outcome<T>> {
    if kept.request_hash == key.request_hash {
        return Ok(Outcome::Before(kept));
    }
    let message = "This Idempotency-Key was used for another request. Use a new key for each change.";
    Err(Error::object(ErrorKind::Invalid, json!({"message": message, "code": "idempotency_key_reused"})))
}
