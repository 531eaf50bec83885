//! The load: connections that each send their requests one after another, for a bounded time and number.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use crate::Outcome;
use crate::client::Connection;

/// What one connection sends, over and over.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The bytes of each, one after another.
    pub bytes: Rc<[Vec<u8>]>,
    /// The status of every answer.
    pub status: u16,
}

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Not counted, so that caches fill.
    pub warm_up: Duration,
    /// Counted.
    pub duration: Duration,
    /// The most requests of one connection.
    pub requests: usize,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Answers in a second.
    pub per_second: f64,
    /// The median time to an answer.
    pub p50: Duration,
    /// All but one in a hundred were faster.
    pub p99: Duration,
    /// How many answers were counted.
    pub answers: usize,
}

/// Loads the server at `address`, one connection for each entry of `connections`. Any other status
/// than the expected one is an error.
pub async fn run(address: SocketAddr, connections: &[Requests], bounds: Bounds) -> Outcome<Sample> {
    let local = LocalSet::new();
    let mut running = JoinSet::new();
    let start = Instant::now() + bounds.warm_up;
    for requests in connections {
        running.spawn_local_on(one(address, requests.clone(), start, bounds), &local);
    }
    let mut times = Vec::new();
    let mut end = start;
    local
        .run_until(async {
            while let Some(done) = running.join_next().await {
                let (mut measured, last) = done??;
                times.append(&mut measured);
                end = end.max(last);
            }
            Outcome::Ok(())
        })
        .await?;
    summarize(times, end.duration_since(start))
}

async fn one(
    address: SocketAddr,
    requests: Requests,
    start: Instant,
    bounds: Bounds,
) -> Outcome<(Vec<Duration>, Instant)> {
    let mut connection = Connection::open(address).await?;
    let stop = start + bounds.duration;
    let mut times = Vec::new();
    let mut sent_at = Instant::now();
    for request in requests.bytes.iter().cycle() {
        if sent_at >= stop || times.len() >= bounds.requests {
            break;
        }
        let answer = connection.exchange(request).await?;
        if answer.status != requests.status {
            let text = String::from_utf8_lossy(answer.body);
            return Err(format!("answered {}: {text}", answer.status).into());
        }
        let now = Instant::now();
        if sent_at >= start {
            times.push(now - sent_at);
        }
        sent_at = now;
    }
    Ok((times, sent_at))
}

fn summarize(mut times: Vec<Duration>, elapsed: Duration) -> Outcome<Sample> {
    times.sort_unstable();
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    let (p50, p99) = p50.zip(p99).ok_or("no request was answered in time")?;
    Ok(Sample { per_second: times.len() as f64 / elapsed.as_secs_f64(), p50, p99, answers: times.len() })
}

/// The value below which `percent` of the sorted values lie; none without values.
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied()
}

/// The middle value; none without values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile::<Duration>(&[], 50), None);
    }
}
