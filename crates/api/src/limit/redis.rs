//! The sliding log in Redis, shared by all processes that use the same one.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{IntoConnectionInfo, RedisError, Script};
use tokio::time::{Instant, timeout};

use super::{Decision, Limit, Rule};

/// A request waits no longer than this for its count. Tests wait longer: they must count on a busy machine too.
const CALL_TIMEOUT: Duration = Duration::from_millis(if cfg!(test) { 20_000 } else { 250 });

/// After a failure Redis is left alone for so long: an address that swallows packets must not cost every
/// request the full timeout.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// The start waits no longer than this for an answer.
const START_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 3 });

/// One attempt. The clock is that of Redis, so that processes with different clocks agree. Redis runs a
/// script as one step. Answers allowed (0 or 1), attempts held, milliseconds until the oldest leaves.
const ATTEMPT: &str = r"
local max, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - window))
local held = redis.call('ZCARD', KEYS[1])
local allowed = 1
if held >= max then
  allowed = 0
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, held - max)
end
local score = string.format('%.6f', now)
redis.call('ZADD', KEYS[1], score, score .. ':' .. ARGV[3])
redis.call('EXPIRE', KEYS[1], window + 1)
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local wait = math.ceil((tonumber(oldest[2]) + window - now) * 1000)
return {allowed, redis.call('ZCARD', KEYS[1]), wait}
";

/// Redis did not answer at the start. The text holds the address without its credentials.
#[derive(Debug)]
pub struct RedisUnavailable {
    address: String,
    cause: String,
}

impl fmt::Display for RedisUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Redis for the rate limits at {} does not answer: {}", self.address, self.cause)
    }
}

impl std::error::Error for RedisUnavailable {}

/// A connection that reconnects by itself, and the memory of its last failure.
pub struct RedisLog {
    connection: ConnectionManager,
    attempt: Script,
    nonce: AtomicU32,
    resting_until: Mutex<Option<Instant>>,
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLog").finish_non_exhaustive()
    }
}

impl RedisLog {
    /// Connects and asks once.
    pub(super) async fn connect(url: &str) -> Result<Self, RedisUnavailable> {
        let refused = |cause: String| RedisUnavailable { address: redacted(url), cause };
        let explain = |error: RedisError| refused(without_secrets(&error, url));
        let client = redis::Client::open(url).map_err(explain)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CALL_TIMEOUT))
            .set_response_timeout(Some(CALL_TIMEOUT))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(100));
        let connected = timeout(START_TIMEOUT, async {
            let mut connection = ConnectionManager::new_with_config(client, config).await?;
            redis::cmd("PING").query_async::<String>(&mut connection).await?;
            Ok(connection)
        });
        let connection =
            connected.await.map_err(|_| refused("no answer in time".to_owned()))?.map_err(explain)?;
        Ok(Self {
            connection,
            attempt: Script::new(ATTEMPT),
            nonce: AtomicU32::new(by_chance()),
            resting_until: Mutex::new(None),
        })
    }

    /// Records one attempt and decides on it; a Redis that fails allows.
    pub(super) async fn hit(&self, rule: Rule, limit: Limit, key: &str) -> Decision {
        if self.is_resting() {
            return Decision::uncounted(rule);
        }
        let called = timeout(CALL_TIMEOUT, self.call(rule.namespace, limit, key)).await;
        let cause = match called {
            Ok(Ok((allowed, held, wait))) => {
                return Decision::counted(rule, limit, allowed == 1, held, Duration::from_millis(wait));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.rest();
        tracing::warn!(namespace = rule.namespace, error = cause, "rate_limit.redis.unavailable");
        Decision::uncounted(rule)
    }

    /// Whether Redis answers now.
    pub(super) async fn ping(&self) -> bool {
        let mut connection = self.connection.clone();
        let command = redis::cmd("PING");
        let ping = command.query_async::<String>(&mut connection);
        matches!(timeout(CALL_TIMEOUT, ping).await, Ok(Ok(_)))
    }

    async fn call(&self, namespace: &str, limit: Limit, key: &str) -> Result<(u8, usize, u64), RedisError> {
        let mut connection = self.connection.clone();
        // Two attempts may fall on one microsecond: a count keeps those of this process apart, where it
        // began those of different processes.
        let nonce = format!("{:08x}", self.nonce.fetch_add(1, Ordering::Relaxed));
        self.attempt
            .key(format!("ratelimit:{namespace}:{key}"))
            .arg(limit.max)
            .arg(limit.window.as_secs())
            .arg(nonce)
            .invoke_async(&mut connection)
            .await
    }

    fn is_resting(&self) -> bool {
        let until = self.resting_until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        until.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        let mut until = self.resting_until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *until = Some(Instant::now() + COOL_DOWN);
    }
}

/// A number that another process hardly has too. Not for secrets.
fn by_chance() -> u32 {
    u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default()
}

/// The address without user and password.
fn redacted(url: &str) -> String {
    match url.into_connection_info() {
        Ok(info) => format!("{}/{}", info.addr(), info.redis_settings().db()),
        Err(_) => "(an address that cannot be read)".to_owned(),
    }
}

/// The text of an error; a text that repeats the address is not shown.
fn without_secrets(error: &RedisError, url: &str) -> String {
    let text = error.to_string();
    if text.contains(url) { "the address cannot be used".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::super::Limiter;
    use super::*;
    use crate::settings::LimiterBackend;

    fn test_url() -> String {
        std::env::var("TEST_REDIS_URL")
            .expect("TEST_REDIS_URL is not set: run this through `make test`, which starts a Redis")
    }

    async fn limiter(url: &str) -> Limiter {
        Limiter::start(&LimiterBackend::Redis { url: url.to_owned() }).await.expect("Redis answers")
    }

    fn rule(max: u32, seconds: u64) -> Rule {
        let limit = Limit { max, window: Duration::from_secs(seconds) };
        Rule { namespace: "agent_auth", limit: Some(limit) }
    }

    fn fresh_key() -> String {
        format!("test-{:08x}{:08x}", by_chance(), by_chance())
    }

    /// A relay to the real Redis that a test can cut.
    async fn relay() -> (SocketAddr, JoinHandle<()>) {
        let info = test_url().into_connection_info().expect("an address");
        let target = info.addr().to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let task = tokio::spawn(async move {
            // The set is dropped with the task, which cuts the open connections.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                open.spawn(async move {
                    let mut far = TcpStream::connect(target).await.expect("Redis listens");
                    tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
                });
            }
        });
        (address, task)
    }

    #[tokio::test]
    async fn two_instances_share_one_count() {
        let (url, key, rule) = (test_url(), fresh_key(), rule(3, 60));
        let (one, two) = (limiter(&url).await, limiter(&url).await);
        assert_eq!(one.hit(rule, &key).await.remaining, 2);
        assert_eq!(two.hit(rule, &key).await.remaining, 1);
        assert_eq!(one.hit(rule, &key).await.remaining, 0);
        let denied = two.hit(rule, &key).await;
        assert!(!denied.allowed);
        assert!((1..=60).contains(&denied.retry_after_seconds()), "{denied:?}");
        assert!(!one.hit(rule, &key).await.allowed);
        assert!(one.hit(rule, &fresh_key()).await.allowed);
    }

    #[tokio::test]
    async fn keys_members_and_expiry_have_the_documented_form() {
        let (url, key, rule) = (test_url(), fresh_key(), rule(2, 60));
        let limiter = limiter(&url).await;
        for _ in 0..4 {
            limiter.hit(rule, &key).await;
        }
        let client = redis::Client::open(url).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let key = format!("ratelimit:agent_auth:{key}");
        let entries: Vec<(String, f64)> = redis::cmd("ZRANGE")
            .arg(&key)
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .query_async(&mut connection)
            .await
            .expect("a sorted set");
        assert_eq!(entries.len(), 2, "only the most recent attempts are kept");
        for (member, score) in entries {
            let (unix, nonce) = member.split_once(':').expect("<unix>:<nonce>");
            assert_eq!(unix.parse::<f64>().expect("unix seconds"), score);
            assert!(nonce.len() == 8 && nonce.chars().all(|digit| digit.is_ascii_hexdigit()), "{nonce}");
        }
        let ttl: i64 = redis::cmd("TTL").arg(&key).query_async(&mut connection).await.expect("a TTL");
        assert!((60..=61).contains(&ttl), "{ttl}");
    }

    #[tokio::test]
    async fn a_redis_that_goes_away_allows() {
        let (address, task) = relay().await;
        let (key, rule) = (fresh_key(), rule(1, 60));
        let limiter = limiter(&format!("redis://{address}/")).await;
        assert!(limiter.hit(rule, &key).await.allowed);
        assert!(!limiter.hit(rule, &key).await.allowed);
        task.abort();
        task.await.expect_err("aborted");
        for _ in 0..5 {
            assert!(limiter.hit(rule, &key).await.allowed, "fails open");
        }
        assert!(!limiter.ping().await);
    }

    #[tokio::test]
    async fn a_start_without_redis_fails_and_hides_the_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let url = format!("redis://user:hunter2@{address}/3");
        let error = Limiter::start(&LimiterBackend::Redis { url }).await.expect_err("nobody listens");
        let text = error.to_string();
        assert!(text.contains(&format!("{address}/3")), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("user"), "{text}");
        let url = "http://user:hunter2@host/".to_owned();
        let error = Limiter::start(&LimiterBackend::Redis { url }).await.expect_err("not a Redis address");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
