//! Running a comparison: the sides take turns, round after round, so that what else the machine does meets them all.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::Outcome;
use crate::client::{Connection, request};
use crate::load::{self, Bounds, Requests, Sample, median};
use crate::scenario::{Load, Measure, Scenario, Side};
use crate::server::Server;
use crate::world::{USER_TOKEN, World};

/// A side that runs.
pub struct Contender {
    /// Which one.
    pub side: Side,
    /// Its process.
    pub server: Server,
    /// Its data.
    pub world: World,
}

/// How a side did in a comparison, by the medians of its rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Key of the scenario.
    pub scenario: &'static str,
    /// What was compared.
    pub title: &'static str,
    /// Who.
    pub side: &'static str,
    /// Answers per second.
    pub per_second: f64,
    /// Median time to an answer in microseconds.
    pub p50_us: f64,
    /// 99th percentile in microseconds.
    pub p99_us: f64,
    /// Processor time of the server for each answer in microseconds; none where the system does not say.
    pub processor_us: Option<f64>,
    /// Against the base of the comparison, round by round; none for the base itself.
    pub ratio: Option<Ratio>,
}

/// A ratio with its spread over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// What it has to reach, and whether it does.
    pub target: Option<Target>,
}

/// A target of decisions §6.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Target {
    /// The value.
    pub value: f64,
    /// Whether it is a ceiling (for times) or a floor (for throughput).
    pub is_ceiling: bool,
    /// Whether the median is on the right side of it.
    pub is_met: bool,
}

/// One measurement of one side.
struct Turn {
    sample: Sample,
    processor: Option<Duration>,
}

/// Runs `scenario` for `rounds` rounds; sides that do not run are left out.
pub async fn run(
    scenario: &Scenario,
    contenders: &[Contender],
    rounds: usize,
    bounds: Bounds,
) -> Outcome<Vec<Row>> {
    let find = |side| contenders.iter().find(|contender| contender.side == side);
    let lanes: Vec<_> =
        scenario.sides.iter().filter_map(|(side, load)| Some((find(*side)?, *load))).collect();
    let mut turns: Vec<Vec<Turn>> = lanes.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..lanes.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let (contender, load) = lanes[at];
            turns[at].push(turn(contender, load, scenario.connections, bounds).await?);
        }
    }
    let rows = lanes.iter().zip(&turns).enumerate();
    Ok(rows
        .map(|(at, ((contender, load), mine))| {
            let base = turns.first().filter(|_| at > 0);
            row(scenario, contender.side, *load, mine, base.map(Vec::as_slice))
        })
        .collect())
}

async fn turn(contender: &Contender, load: Load, connections: usize, bounds: Bounds) -> Outcome<Turn> {
    let seen = match load {
        Load::Unchanged => version_of_list(contender).await?,
        _ => String::new(),
    };
    let requests: Vec<Requests> =
        (0..connections).map(|n| load.requests(&contender.world, n, &seen)).collect();
    let address = contender.server.address;
    let quiet = Bounds { duration: bounds.warm_up, warm_up: Duration::ZERO, ..bounds };
    load::run(address, &requests, quiet).await?;
    let before = contender.server.processor_time();
    let sample = load::run(address, &requests, Bounds { warm_up: Duration::ZERO, ..bounds }).await?;
    let after = contender.server.processor_time();
    Ok(Turn { sample, processor: after.zip(before).map(|(after, before)| after.saturating_sub(before)) })
}

fn row(scenario: &Scenario, side: Side, load: Load, turns: &[Turn], base: Option<&[Turn]>) -> Row {
    let middle = |of: &dyn Fn(&Turn) -> f64| median(turns.iter().map(of)).unwrap_or_default();
    let processor: Option<Vec<f64>> =
        turns.iter().map(|turn| Some(micros(turn.processor?) / turn.sample.answers as f64)).collect();
    Row {
        scenario: scenario.key,
        title: scenario.title,
        side: if load == Load::ListLarge { "SQLite, large board" } else { side.name() },
        per_second: middle(&|turn| turn.sample.per_second),
        p50_us: middle(&|turn| micros(turn.sample.p50)),
        p99_us: middle(&|turn| micros(turn.sample.p99)),
        processor_us: processor.and_then(median),
        ratio: base.and_then(|base| ratio(scenario, turns, base)),
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ratio(scenario: &Scenario, turns: &[Turn], base: &[Turn]) -> Option<Ratio> {
    let of = |turn: &Turn| match scenario.measure {
        Measure::Throughput => turn.sample.per_second,
        Measure::Latency => micros(turn.sample.p50),
    };
    let ratios: Vec<f64> = turns.iter().zip(base).map(|(turn, base)| of(turn) / of(base)).collect();
    let middle = median(ratios.iter().copied())?;
    let is_ceiling = scenario.measure == Measure::Latency;
    let target = scenario.target.map(|value| Target {
        value,
        is_ceiling,
        is_met: if is_ceiling { middle <= value } else { middle >= value },
    });
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    Some(Ratio { median: middle, low, high, target })
}

/// Refuses to compare servers that say different things: the page of tasks must be the same value.
pub async fn check_same_answer(floor: &Contender, product: &Contender) -> Outcome<()> {
    for load in [Load::List, Load::Poll] {
        let (ours, theirs) = (answer(product, load).await?, answer(floor, load).await?);
        if ours != theirs {
            return Err(
                format!("the floor answers {load:?} otherwise:\n  product {ours}\n  floor {theirs}").into()
            );
        }
    }
    Ok(())
}

async fn answer(contender: &Contender, load: Load) -> Outcome<Value> {
    let mut connection = Connection::open(contender.server.address).await?;
    let requests = load.requests(&contender.world, 0, "");
    let ask = requests.bytes.first().ok_or("a load without requests")?;
    let answer = connection.exchange(ask).await?;
    Ok(serde_json::from_slice(answer.body)?)
}

/// The entity tag of the page that [`Load::Unchanged`] asks for.
async fn version_of_list(contender: &Contender) -> Outcome<String> {
    let mut connection = Connection::open(contender.server.address).await?;
    let requests = Load::List.requests(&contender.world, 0, "");
    let ask = requests.bytes.first().ok_or("a load without requests")?;
    let answer = connection.exchange(ask).await?;
    Ok(answer.header("etag").ok_or("a list has no entity tag")?.to_owned())
}

/// A request of the person of the world.
pub fn signed_in(method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
    request(method, path, &[("Authorization", &format!("Bearer {USER_TOKEN}"))], body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    fn turn(per_second: f64, p50: u64) -> Turn {
        let p50 = Duration::from_micros(p50);
        Turn { sample: Sample { per_second, p50, p99: p50, answers: 10 }, processor: None }
    }

    fn scenario(key: &str) -> &'static Scenario {
        SCENARIOS.iter().find(|scenario| scenario.key == key).expect("a scenario")
    }

    #[test]
    fn throughput_has_a_floor_and_latency_a_ceiling() {
        let base = [turn(100.0, 10), turn(200.0, 10), turn(100.0, 10)];
        let ours = [turn(60.0, 20), turn(80.0, 14), turn(70.0, 15)];
        let list = ratio(scenario("list"), &ours, &base).expect("rounds");
        assert_eq!((list.median, list.low, list.high), (0.6, 0.4, 0.7));
        assert!(list.target.is_some_and(|target| target.is_met && !target.is_ceiling));
        let large = ratio(scenario("large"), &ours, &base).expect("rounds");
        assert_eq!(large.median, 1.5);
        assert!(large.target.is_some_and(|target| target.is_met && target.is_ceiling));
    }
}
