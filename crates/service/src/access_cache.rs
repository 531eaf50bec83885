//! What the access checks found out a moment ago, so that a request need not ask the database who somebody is.
//!
//! Every commit that may change an answer empties it: those of this process at once, those of other processes when
//! word of them comes. What word is lost ages out. Credentials are never kept here: tokens are checked with each request.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mc_model::board::Board;
use mc_model::ids::{ApiTokenId, BoardId, UserId};
use mc_model::organization::Member;
use mc_model::user::User;
use mc_store::access::BoardForUser;
use tokio::time::Instant;

/// How long an answer counts when nothing is heard of a change; the bound on what another node may still see.
const TRUSTED: Duration = Duration::from_secs(1);
/// How many answers of each kind are kept.
const KEPT: usize = 10_000;

/// Answers of the access checks.
#[derive(Default)]
pub(crate) struct AccessCache(Mutex<Answers>);

#[derive(Default)]
struct Answers {
    /// Counts the changes: an answer that was looked up before one must not be kept after it.
    generation: u64,
    people: Recent<String, (User, Member)>,
    boards_of_users: Recent<(UserId, BoardId), BoardForUser>,
    boards: Recent<BoardId, Board>,
    tokens: Recent<ApiTokenId, bool>,
}

/// When a look-up began, to tell whether its answer is still good when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

struct Recent<K, V>(HashMap<K, (Instant, V)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let (since, value) = self.0.get(key)?;
        (since.elapsed() < TRUSTED).then(|| value.clone())
    }

    fn put(&mut self, key: K, value: V) {
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        self.0.insert(key, (Instant::now(), value));
    }
}

macro_rules! answers {
    ($($(#[$doc:meta])* $get:ident / $put:ident: $field:ident($key:ty, $look_up:ty) = $value:ty;)+) => {$(
        $(#[$doc])*
        pub(crate) fn $get(&self, key: &$look_up) -> Result<$value, Generation> {
            let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            answers.$field.get(key).ok_or(Generation(answers.generation))
        }

        /// Keeps an answer, unless something changed since its look-up began.
        pub(crate) fn $put(&self, began: Generation, key: $key, value: &$value) {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if began == Generation(answers.generation) {
                answers.$field.put(key, value.clone());
            }
        }
    )+};
}

impl AccessCache {
    answers! {
        /// The account with this external id and its membership of its active organization.
        person / keep_person: people(String, str) = (User, Member);
        /// A board and what a user holds on it.
        board_of_user / keep_board_of_user: boards_of_users((UserId, BoardId), (UserId, BoardId)) = BoardForUser;
        /// A board.
        board / keep_board: boards(BoardId, BoardId) = Board;
        /// Whether an API token that opened a stream is still in use.
        token / keep_token: tokens(ApiTokenId, ApiTokenId) = bool;
    }

    /// Forgets everything: somebody's account, membership, grant or board changed.
    pub(crate) fn forget(&self) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *answers = Answers { generation: answers.generation + 1, ..Answers::default() };
    }
}
