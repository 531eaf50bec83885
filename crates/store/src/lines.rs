//! Lines of writers on PostgreSQL, one for each scope.
//!
//! Writers of one scope wait for its row anyway. Without a line they would wait on connections, and one busy board
//! would keep all connections of this process from the others. Two may go at a time: the second has begun and takes
//! the row as soon as the first commits. How long somebody waits is bounded by the caller's deadline only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mc_model::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// How many transactions of one scope a process has open.
const DEPTH: usize = 2;

/// The lines that somebody stands in.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<HashMap<Uuid, Arc<Semaphore>>>>);

/// A place at the head of a line, until it is dropped.
pub(crate) struct Place {
    lines: Lines,
    scope: Uuid,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lines {
    /// Waits for a place at the head of the line of `scope`.
    pub(crate) async fn place(&self, scope: Uuid) -> Result<Place> {
        let line = Arc::clone(self.lines().entry(scope).or_insert_with(|| Arc::new(Semaphore::new(DEPTH))));
        // Made before the wait, so that a line whose last waiter gives up goes too.
        let mut place = Place { lines: self.clone(), scope, permit: None };
        place.permit = Some(line.acquire_owned().await.map_err(Error::internal)?);
        Ok(place)
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut lines = self.lines.lines();
        // Whoever waits or has a place holds the line as well.
        if lines.get(&self.scope).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use mc_model::ids::BoardId;

    use super::*;

    async fn is_there(place: &mut (impl Future<Output = Result<Place>> + Unpin)) -> bool {
        tokio::select! { biased; place = place => place.is_ok(), () = std::future::ready(()) => false }
    }

    #[tokio::test]
    async fn two_of_a_scope_go_and_the_third_waits_while_others_pass() {
        let lines = Lines::default();
        let (busy, quiet) = (BoardId::generate().0, BoardId::generate().0);
        let first = lines.place(busy).await.expect("a place");
        let _second = lines.place(busy).await.expect("a place");
        let mut third = Box::pin(lines.place(busy));
        assert!(!is_there(&mut third).await);
        assert!(is_there(&mut Box::pin(lines.place(quiet))).await, "another scope");
        drop(first);
        assert!(is_there(&mut third).await);
    }

    #[tokio::test]
    async fn a_line_goes_with_the_last_who_stood_in_it() {
        let lines = Lines::default();
        let scope = BoardId::generate().0;
        let places = (lines.place(scope).await, lines.place(scope).await);
        let mut gives_up = Box::pin(lines.place(scope));
        assert!(!is_there(&mut gives_up).await);
        drop(places);
        assert_eq!(lines.lines().len(), 1, "somebody still waits");
        drop(gives_up);
        assert_eq!(lines.lines().len(), 0);
    }
}
