//! The sliding log in this process.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, Limit, Rule};

/// How many keys are kept. One more than that evicts: an attacker with many addresses must not fill the
/// memory, and a key that is forgotten only gets a fresh count.
const MOST_KEYS: usize = 100_000;

/// Every so many attempts the keys whose last attempt has expired are removed (platform spec §12.1).
const PURGE_EVERY: u64 = 128;

/// Of so many candidates the one that was quiet longest is evicted: the whole map is not searched.
const EVICTION_SAMPLE: usize = 8;

/// Attempts per rule and key, under one lock that is held for microseconds and never across an await.
#[derive(Debug)]
pub struct MemoryLog {
    most_keys: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    attempts: u64,
    logs: HashMap<(&'static str, String), Log>,
}

#[derive(Debug)]
struct Log {
    window: Duration,
    instants: VecDeque<Instant>,
}

impl Log {
    fn is_expired(&self, now: Instant) -> bool {
        self.instants.back().is_none_or(|newest| now.duration_since(*newest) >= self.window)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self { most_keys: MOST_KEYS, state: Mutex::default() }
    }
}

impl MemoryLog {
    /// Records one attempt at `now` and decides on it.
    pub(super) fn hit(&self, rule: Rule, limit: Limit, key: &str, now: Instant) -> Decision {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| {
            // A panic while the lock was held can only have lost a count; the map itself is sound.
            poisoned.into_inner()
        });
        state.attempts = state.attempts.wrapping_add(1);
        if state.attempts.is_multiple_of(PURGE_EVERY) {
            state.logs.retain(|_, log| !log.is_expired(now));
        }
        let key = (rule.namespace, key.to_owned());
        if state.logs.len() >= self.most_keys && !state.logs.contains_key(&key) {
            state.evict_one();
        }
        let log =
            state.logs.entry(key).or_insert_with(|| Log { window: limit.window, instants: VecDeque::new() });
        log.window = limit.window;
        record(log, rule, limit, now)
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        self.state.lock().expect("no test panics while holding it").logs.len()
    }
}

impl State {
    fn evict_one(&mut self) {
        // The order of the map is random per process, so this is a sample of the keys.
        let quietest = self
            .logs
            .iter()
            .take(EVICTION_SAMPLE)
            .min_by_key(|(_, log)| log.instants.back().copied())
            .map(|(key, _)| key.clone());
        if let Some(key) = quietest {
            self.logs.remove(&key);
        }
    }
}

fn record(log: &mut Log, rule: Rule, limit: Limit, now: Instant) -> Decision {
    let max = usize::try_from(limit.max).unwrap_or(usize::MAX);
    while log.instants.front().is_some_and(|oldest| now.duration_since(*oldest) >= limit.window) {
        log.instants.pop_front();
    }
    let allowed = log.instants.len() < max;
    while log.instants.len() >= max {
        log.instants.pop_front();
    }
    log.instants.push_back(now);
    let oldest = log.instants.front().copied().unwrap_or(now);
    let free_in = limit.window.saturating_sub(now.duration_since(oldest));
    Decision::counted(rule, limit, allowed, log.instants.len(), free_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(max: u32, seconds: u64) -> (Rule, Limit) {
        let limit = Limit { max, window: Duration::from_secs(seconds) };
        (Rule { namespace: "agent_auth", limit: Some(limit) }, limit)
    }

    /// Plays attempts at the given seconds and returns allowed, remaining, seconds to wait.
    fn play(max: u32, seconds: u64, attempts: &[u64]) -> Vec<(bool, u32, u64)> {
        let (log, start, (rule, limit)) = (MemoryLog::default(), Instant::now(), rule(max, seconds));
        attempts
            .iter()
            .map(|at| {
                let decision = log.hit(rule, limit, "198.51.100.7", start + Duration::from_secs(*at));
                (decision.allowed, decision.remaining, decision.retry_after.as_secs())
            })
            .collect()
    }

    #[test]
    fn the_window_slides() {
        assert_eq!(
            play(2, 60, &[0, 10, 20, 59]),
            // The third takes the place of the first, the fourth that of the second.
            [(true, 1, 60), (true, 0, 50), (false, 0, 50), (false, 0, 21)]
        );
    }

    #[test]
    fn an_attempt_exactly_one_window_old_is_gone() {
        assert_eq!(play(1, 60, &[0, 60])[1], (true, 0, 60));
        assert_eq!(play(1, 60, &[0, 59])[1], (false, 0, 60));
    }

    #[test]
    fn denied_attempts_count_so_a_hammering_client_stays_out() {
        let answers = play(2, 60, &[0, 0, 20, 40, 60, 80, 100, 120, 160]);
        let allowed: Vec<bool> = answers.iter().map(|answer| answer.0).collect();
        assert_eq!(allowed, [true, true, false, false, false, false, false, false, true]);
    }

    #[test]
    fn waiting_as_long_as_told_is_enough() {
        let answers = play(3, 60, &[0, 5, 9, 30]);
        let (allowed, _, wait) = answers[3];
        assert!(!allowed);
        assert!(play(3, 60, &[0, 5, 9, 30, 30 + wait])[4].0);
        assert!(!play(3, 60, &[0, 5, 9, 30, 30 + wait - 1])[4].0);
    }

    #[test]
    fn keys_and_rules_are_counted_apart() {
        let (log, now, (agents, limit)) = (MemoryLog::default(), Instant::now(), rule(1, 60));
        let hooks = Rule { namespace: "webhook_ingest", ..agents };
        assert!(log.hit(agents, limit, "a", now).allowed);
        assert!(log.hit(agents, limit, "b", now).allowed);
        assert!(log.hit(hooks, limit, "a", now).allowed);
        assert!(!log.hit(agents, limit, "a", now).allowed);
    }

    #[test]
    fn expired_keys_are_purged() {
        let (log, now, (rule, limit)) = (MemoryLog::default(), Instant::now(), rule(5, 60));
        for key in 0..100 {
            log.hit(rule, limit, &key.to_string(), now);
        }
        assert_eq!(log.keys(), 100);
        let later = now + Duration::from_secs(60);
        for _ in 0..PURGE_EVERY {
            log.hit(rule, limit, "new", later);
        }
        assert_eq!(log.keys(), 1);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let log = MemoryLog { most_keys: 50, state: Mutex::default() };
        let (now, (rule, limit)) = (Instant::now(), rule(5, 60));
        for key in 0..1_000 {
            assert!(log.hit(rule, limit, &key.to_string(), now).allowed);
        }
        assert_eq!(log.keys(), 50);
    }
}
