//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mc_model::{Clock, Timestamp};

/// 2026-01-02T03:04:05.000006, in microseconds since 1970: the fraction makes a lost digit visible.
const START: i64 = 1_767_323_045_000_006;

/// Time in the hands of a test. Clones share it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }
}

impl ManualClock {
    /// Moves time forward.
    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).expect("no test waits that long");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves time to `at`, which may be earlier than now.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("a moment that can be written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_only_by_hand() {
        let clock = ManualClock::default();
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:05.000006");
        clock.clone().advance(Duration::from_secs(60));
        assert_eq!(clock.now().to_string(), "2026-01-02T03:05:05.000006");
    }
}
