//! How fast the agents may act without running into the server's limit.

use std::time::Duration;

use mc_api::limit::Limit;

/// The part of the limit that the demo uses; the rest is for whoever tries an agent token from the same address.
const SHARE: f64 = 0.75;

/// The time between two actions.
pub(super) fn interval(rate: f64, limit: Option<Limit>) -> Duration {
    let wished = Duration::from_secs_f64(1.0 / rate);
    let allowed = limit.map_or(Duration::ZERO, |limit| limit.window.div_f64(f64::from(limit.max) * SHARE));
    wished.max(allowed)
}

/// How many requests a window holds at `rate`, at least one.
pub(super) fn requests_in(window: Duration, rate: f64) -> u32 {
    let count = (window.as_secs_f64() * rate).ceil().clamp(1.0, f64::from(Limit::MOST / 2));
    // Between 1 and the most that a limit can be.
    count as u32
}

/// Reads the policy of the limit on agents from a `RateLimit-Policy` header: `"agent_auth";q=20;w=60`.
pub(super) fn read_policy(header: &str) -> Option<Limit> {
    let number = |key: &str| {
        let part = header.split(';').map(str::trim).find_map(|part| part.strip_prefix(key))?;
        part.parse::<u32>().ok().filter(|number| *number > 0)
    };
    let window = Duration::from_secs(number("w=")?.into());
    Some(Limit { max: number("q=")?, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Limit = Limit { max: 20, window: Duration::from_secs(60) };

    #[test]
    fn the_pace_is_the_wished_one_unless_the_limit_is_lower() {
        assert_eq!(interval(2.0, None), Duration::from_millis(500));
        assert_eq!(interval(2.0, Some(DEFAULT)), Duration::from_secs(4));
        assert_eq!(interval(0.1, Some(DEFAULT)), Duration::from_secs(10));
    }

    #[test]
    fn a_window_at_the_limited_pace_stays_below_the_limit() {
        let per_window = DEFAULT.window.as_secs_f64() / interval(100.0, Some(DEFAULT)).as_secs_f64();
        assert!(per_window < f64::from(DEFAULT.max), "{per_window}");
    }

    #[test]
    fn the_policy_is_read_as_the_server_writes_it() {
        assert_eq!(read_policy("\"agent_auth\";q=20;w=60"), Some(DEFAULT));
        for odd in ["", "\"agent_auth\"", "\"agent_auth\";q=20", "\"agent_auth\";q=0;w=60", "q=a;w=b"] {
            assert_eq!(read_policy(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn requests_in_a_window_are_rounded_up() {
        assert_eq!(requests_in(Duration::from_secs(60), 2.0), 120);
        assert_eq!(requests_in(Duration::from_secs(60), 0.01), 1);
    }
}
