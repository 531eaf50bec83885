//! Rate limits: a sliding log of attempts per key, in this process or in a Redis that processes share.
//!
//! The rule is platform spec §12.1. Of each key the most recent `max` attempts are kept. An attempt first
//! drops what is older than the window; it is allowed while fewer than `max` remain. A denied attempt counts
//! too: it takes the place of the oldest, so a client that keeps hammering stays out. Both stores follow the
//! same rule, and a store that fails allows (the limit protects the server, it is not an access rule).

mod headers;
mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use self::headers::write_headers;
pub use self::redis::RedisUnavailable;

use self::memory::MemoryLog;
use self::redis::RedisLog;
use crate::settings::LimiterBackend;

/// How many attempts within which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Attempts per window, 1 to [`Limit::MOST`].
    pub max: u32,
    /// The window: whole seconds, at least one, at most a day.
    pub window: Duration,
}

impl Limit {
    /// The largest count that may be configured; a key keeps that many instants in memory.
    pub const MOST: u32 = 100_000;

    /// Reads `20/60` (attempts / seconds); `0` switches the limit off.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        const FORM: &str = "write attempts/seconds such as 20/60, or 0 to switch the limit off";
        let text = text.trim();
        if text == "0" {
            return Ok(None);
        }
        let (max, seconds) = text.split_once('/').ok_or(FORM)?;
        let max: u32 = max.trim().parse().map_err(|_| FORM)?;
        let seconds: u64 = seconds.trim().parse().map_err(|_| FORM)?;
        if max == 0 {
            return Ok(None);
        }
        if max > Self::MOST || !(1..=86_400).contains(&seconds) {
            return Err(format!("at most {} attempts within 1 to 86400 seconds", Self::MOST));
        }
        Ok(Some(Self { max, window: Duration::from_secs(seconds) }))
    }
}

/// A named limit. The name separates the counts of different limits and appears in the `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Such as `agent_auth`: lower case letters, digits and `_`.
    pub namespace: &'static str,
    /// The limit; `None` allows everything and counts nothing.
    pub limit: Option<Limit>,
}

/// The answer to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the attempt may go on.
    pub allowed: bool,
    /// The rule that was applied.
    pub rule: Rule,
    /// How many further attempts are free at this moment.
    pub remaining: u32,
    /// When the next place becomes free if nothing else is tried before.
    pub retry_after: Duration,
}

impl Decision {
    /// An answer without a count: the rule is off, or its store did not answer.
    fn uncounted(rule: Rule) -> Self {
        let remaining = rule.limit.map_or(u32::MAX, |limit| limit.max);
        Self { allowed: true, rule, remaining, retry_after: Duration::ZERO }
    }

    /// `held` attempts are in the log after this one, the oldest of them leaves it after `retry_after`.
    fn counted(rule: Rule, limit: Limit, allowed: bool, held: usize, retry_after: Duration) -> Self {
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        Self { allowed, rule, remaining: limit.max.saturating_sub(held), retry_after }
    }

    /// [`Decision::retry_after`] in whole seconds, rounded up and at least one, as headers want it.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u64 {
        (self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0)).max(1)
    }

    /// The 429 error of a denied attempt, with the time to wait.
    ///
    /// # Errors
    /// [`mc_model::ErrorKind::RateLimited`] when the attempt was denied.
    pub fn into_result(self) -> mc_model::Result<Self> {
        if self.allowed {
            return Ok(self);
        }
        let wait = Duration::from_secs(self.retry_after_seconds());
        Err(mc_model::Error::new(mc_model::ErrorKind::RateLimited).retry_after(wait))
    }
}

/// Counts attempts. Cheap to clone; clones share their counts.
#[derive(Clone, Debug)]
pub enum Limiter {
    /// Counts in this process, with a monotonic clock.
    Memory(Arc<MemoryLog>),
    /// Counts in Redis, with the clock of Redis.
    Redis(Arc<RedisLog>),
    /// Allows everything.
    Off,
}

impl Limiter {
    /// Makes the limiter of the settings. For Redis this asks the server once, so that a wrong address stops
    /// the start and not the limit.
    ///
    /// # Errors
    /// When Redis does not answer; the text names the address without its credentials.
    pub async fn start(backend: &LimiterBackend) -> Result<Self, RedisUnavailable> {
        match backend {
            LimiterBackend::Memory => Ok(Self::memory()),
            LimiterBackend::Redis { url } => Ok(Self::Redis(Arc::new(RedisLog::connect(url).await?))),
        }
    }

    /// A limiter that counts in this process.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Arc::new(MemoryLog::default()))
    }

    /// Records one attempt of `key` (a client address) under `rule` and answers whether it may go on.
    /// Never fails and never waits longer than a quarter of a second.
    pub async fn hit(&self, rule: Rule, key: &str) -> Decision {
        let Some(limit) = rule.limit else { return Decision::uncounted(rule) };
        match self {
            Self::Memory(log) => log.hit(rule, limit, key, Instant::now()),
            Self::Redis(log) => log.hit(rule, limit, key).await,
            Self::Off => Decision::uncounted(Rule { limit: None, ..rule }),
        }
    }

    /// Whether the store answers: `false` only for a Redis that does not (readiness asks).
    pub async fn ping(&self) -> bool {
        match self {
            Self::Redis(log) => log.ping().await,
            Self::Memory(_) | Self::Off => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_text() {
        let limit = |max, seconds| Ok(Some(Limit { max, window: Duration::from_secs(seconds) }));
        assert_eq!(Limit::parse("20/60"), limit(20, 60));
        assert_eq!(Limit::parse(" 1 / 1 "), limit(1, 1));
        assert_eq!(Limit::parse("0"), Ok(None));
        assert_eq!(Limit::parse("0/60"), Ok(None));
        for wrong in ["", "20", "20/", "/60", "-1/60", "20/0", "20/60s", "1.5/60", "100001/60", "1/86401"] {
            assert!(Limit::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_rule_that_is_off_counts_nothing() {
        let limiter = Limiter::memory();
        let rule = Rule { namespace: "agent_auth", limit: None };
        for _ in 0..100 {
            assert!(limiter.hit(rule, "a").await.allowed);
        }
        let on = Rule { namespace: "agent_auth", limit: Limit::parse("1/60").expect("valid") };
        assert!(Limiter::Off.hit(on, "a").await.allowed);
        assert!(Limiter::Off.hit(on, "a").await.allowed);
    }

    #[test]
    fn a_denied_attempt_is_a_429_with_the_time_to_wait() {
        let limit = Limit { max: 1, window: Duration::from_secs(60) };
        let rule = Rule { namespace: "agent_auth", limit: Some(limit) };
        let denied = Decision::counted(rule, limit, false, 1, Duration::from_millis(1200));
        let error = denied.into_result().expect_err("denied");
        assert_eq!(error.kind(), mc_model::ErrorKind::RateLimited);
        assert_eq!(error.retry_hint(), Some(Duration::from_secs(2)));
        let allowed = Decision::counted(rule, limit, true, 1, Duration::ZERO);
        assert_eq!(allowed.into_result().expect("allowed").remaining, 0);
    }
}
