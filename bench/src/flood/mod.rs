//! Many open streams on one board while its tasks change at a given rate, whether or not the server keeps up.
//!
//! The changes follow a schedule: a server that falls behind gets them nevertheless, and what they waited counts. A
//! reader asks for the task list meanwhile.

mod followers;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Connection, ServerEvent};
use crate::compare::{Contender, signed_in};
use crate::load::percentile;
use crate::server::processor_time_of;
use crate::streams::{edit, mebibytes};
use crate::world::World;
use followers::{Followers, Seen};

/// Connections that make the changes.
const EDITORS: usize = 32;
/// Between two questions for the task list, and two looks at the memory.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often to look whether every client has every event.
const LOOK: Duration = Duration::from_millis(5);
/// How long the last client may wait for the last event after the last change.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to listen on after that for events that come twice, and to wait after the last stream was closed.
const AFTERMATH: Duration = Duration::from_secs(2);
/// What the title of a changed task begins with, and the text of its activity ends with.
const TITLE: &[u8] = b"Change ";

/// What is asked of the server.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Open streams.
    pub streams: usize,
    /// Changes in a second.
    pub rate: f64,
    /// For how long.
    pub duration: Duration,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Flood {
    /// Who.
    pub side: &'static str,
    /// Open streams.
    pub streams: usize,
    /// Changes made.
    pub changes: usize,
    /// Changes in a second that were asked for.
    pub asked_per_second: f64,
    /// Changes in a second that were acknowledged.
    pub kept_per_second: f64,
    /// Events that reached a client, in a second, until the last one had its last.
    pub delivered_per_second: f64,
    /// From the moment a change was due until it was acknowledged, in milliseconds.
    pub change: Spread,
    /// From the acknowledgement of a change until a client had its event, in milliseconds, over all clients.
    pub client: Spread,
    /// From the acknowledgement of a change until the last client had its event, in milliseconds.
    pub last: Spread,
    /// From the moment a list of tasks was due until it was there, in milliseconds.
    pub list: Spread,
    /// Lists that were answered, all of them with 200.
    pub lists: usize,
    /// Resident memory of the server in mebibytes.
    pub memory: Option<Memory>,
    /// Processor cores that the server used.
    pub server_cores: Option<f64>,
    /// Processor cores that the clients used.
    pub client_cores: Option<f64>,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// All but one in a hundred were faster.
    pub p99: f64,
}

/// Resident memory in mebibytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Before the first stream.
    pub before: f64,
    /// The most while the changes were made.
    pub highest: f64,
    /// After the last stream was closed.
    pub after: f64,
}

/// A change: when it was due and when it was acknowledged, in microseconds since the beginning.
type Changes = BTreeMap<usize, (u32, u32)>;

/// Microseconds from `since` to `moment`; a run lasts minutes, the type an hour.
fn micros_since(since: Instant, moment: Instant) -> u32 {
    u32::try_from(moment.saturating_duration_since(since).as_micros()).unwrap_or(u32::MAX)
}

/// Lets the tasks of the board change at the given rate while the streams are open.
///
/// An error when any client misses an event, gets one twice or in another order, or when a request fails.
pub async fn run(contender: &Contender, course: Course) -> Outcome<Flood> {
    let before = contender.server.resident();
    let since = Instant::now();
    let board = contender.world.board;
    let ask = signed_in("GET", &format!("/api/v1/boards/{board}/tasks/stream"), None);
    let followers = Followers::open(contender.server.address, ask, course.streams, since).await?;
    let clock = Clock::read(contender);
    let (stop, stopped) = watch::channel(false);
    let watched = watch_lists(contender, since, stopped);
    let work = async {
        let changes = make_changes(contender, course, since).await;
        let done = match &changes {
            Ok(changes) => all_received(&followers, course.streams * changes.len()).await,
            Err(_) => Ok(()),
        };
        let used = clock.until(&Clock::read(contender));
        // The lists are those of the time under load.
        stop.send_replace(true);
        tokio::time::sleep(AFTERMATH).await;
        (changes, done, used)
    };
    let ((changes, done, used), watched) = tokio::join!(work, watched);
    // A client that failed says more than one that waits in vain.
    let seen = followers.finish()?;
    let (changes, lists) = (changes?, watched?);
    check(&seen, &changes)?;
    done?;
    tokio::time::sleep(AFTERMATH).await;
    let memory =
        before.zip(lists.highest).zip(contender.server.resident()).map(|((before, highest), after)| Memory {
            before: mebibytes(before),
            highest: mebibytes(highest),
            after: mebibytes(after),
        });
    summarize(contender, course, &seen, &changes, lists, memory, used)
}

/// The schedule of the changes, worked off by several connections.
struct Schedule {
    world: World,
    course: Course,
    since: Instant,
    start: Instant,
    next: AtomicUsize,
}

/// Makes changes as the schedule says.
async fn make_changes(contender: &Contender, course: Course, since: Instant) -> Outcome<Changes> {
    let (world, start, next) = (contender.world.clone(), Instant::now(), AtomicUsize::new(0));
    let schedule = Arc::new(Schedule { world, course, since, start, next });
    let mut editors = JoinSet::new();
    for _ in 0..EDITORS {
        let connection = Connection::open(contender.server.address).await?;
        editors.spawn(Arc::clone(&schedule).work_off(connection));
    }
    let mut changes = Changes::new();
    while let Some(made) = editors.join_next().await {
        changes.extend(made??);
    }
    Ok(changes)
}

impl Schedule {
    async fn work_off(self: Arc<Self>, mut connection: Connection) -> Outcome<Vec<(usize, (u32, u32))>> {
        let Course { rate, duration, .. } = self.course;
        let total = (rate * duration.as_secs_f64()) as usize;
        let mut made = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            // A server that cannot keep up ends the run late, but not never.
            if number >= total || self.start.elapsed() > duration * 2 {
                return Ok(made);
            }
            let due = self.start + Duration::from_secs_f64(number as f64 / rate);
            tokio::time::sleep_until(due.into()).await;
            edit(&mut connection, &self.world, number).await?;
            made.push((number, (micros_since(self.since, due), micros_since(self.since, Instant::now()))));
        }
    }
}

/// Waits until `events` events came in all.
async fn all_received(followers: &Followers, events: usize) -> Outcome<()> {
    let start = Instant::now();
    while let Some(received) = followers.received() {
        if received >= events {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("{received} of {events} events came within {PATIENCE:?}").into());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err("a client stopped".into())
}

/// What the reader of lists found.
struct Lists {
    /// From when each was due until it was there, in microseconds.
    times: Vec<u32>,
    /// The most memory of the server, in bytes.
    highest: Option<u64>,
}

/// Asks for the task list and looks at the memory of the server until `stopped`.
async fn watch_lists(
    contender: &Contender,
    since: Instant,
    stopped: watch::Receiver<bool>,
) -> Outcome<Lists> {
    let path = format!("/api/v1/boards/{}/tasks?limit=50", contender.world.board);
    let ask = signed_in("GET", &path, None);
    let mut connection = Connection::open(contender.server.address).await?;
    let mut lists = Lists { times: Vec::new(), highest: None };
    let mut due = Instant::now();
    while !*stopped.borrow() {
        tokio::time::sleep_until(due.into()).await;
        let answer = connection.exchange(&ask).await?;
        if answer.status != 200 {
            return Err(format!("a list was answered {}", answer.status).into());
        }
        lists.times.push(micros_since(since, Instant::now()) - micros_since(since, due));
        lists.highest = lists.highest.max(contender.server.resident());
        due += INTERVAL;
    }
    Ok(lists)
}

/// The processor time of both sides at a moment.
struct Clock {
    server: Option<Duration>,
    clients: Option<Duration>,
    at: Instant,
}

/// How many processor cores were used.
struct Cores {
    server: Option<f64>,
    clients: Option<f64>,
    elapsed: Duration,
}

impl Clock {
    fn read(contender: &Contender) -> Self {
        let clients = processor_time_of(std::process::id());
        Self { server: contender.server.processor_time(), clients, at: Instant::now() }
    }

    fn until(&self, later: &Self) -> Cores {
        let elapsed = later.at - self.at;
        let cores = |from: Option<Duration>, to: Option<Duration>| {
            from.zip(to).map(|(from, to)| to.saturating_sub(from).as_secs_f64() / elapsed.as_secs_f64())
        };
        Cores {
            server: cores(self.server, later.server),
            clients: cores(self.clients, later.clients),
            elapsed,
        }
    }
}

/// The number of the change that an event tells of.
fn change_of(event: &ServerEvent) -> Outcome<usize> {
    let at = event.data.windows(TITLE.len()).position(|window| window == TITLE);
    let digits = at.map(|at| &event.data[at + TITLE.len()..]).unwrap_or_default();
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&digits[..length])?.parse();
    number.map_err(|_| format!("event {} tells of no change", event.id).into())
}

/// Each change made one event, in ascending positions, and each client had all of them.
fn check(seen: &Seen, changes: &Changes) -> Outcome<()> {
    if !seen.events.is_sorted_by(|one, next| one.id < next.id) {
        return Err("the events are not in order".into());
    }
    let mut told = seen.events.iter().map(change_of).collect::<Outcome<Vec<_>>>()?;
    told.sort_unstable();
    if !told.iter().eq(changes.keys()) {
        return Err(format!("{} changes made {} events, or others", changes.len(), told.len()).into());
    }
    match seen.arrivals.iter().position(|arrivals| arrivals.len() != changes.len()) {
        Some(client) => {
            let count = seen.arrivals[client].len();
            Err(format!("client {client} had {count} of {} events", changes.len()).into())
        }
        None => Ok(()),
    }
}

fn summarize(
    contender: &Contender,
    course: Course,
    seen: &Seen,
    changes: &Changes,
    lists: Lists,
    memory: Option<Memory>,
    cores: Cores,
) -> Outcome<Flood> {
    let acknowledged = seen.events.iter().map(|event| Ok(changes[&change_of(event)?].1));
    let acknowledged = acknowledged.collect::<Outcome<Vec<u32>>>()?;
    let (mut client, mut last) = (Vec::new(), vec![0_u32; acknowledged.len()]);
    for arrivals in &seen.arrivals {
        for ((arrival, acknowledged), last) in arrivals.iter().zip(&acknowledged).zip(&mut last) {
            let delay = arrival.saturating_sub(*acknowledged);
            client.push(delay);
            *last = delay.max(*last);
        }
    }
    let first_due = changes.values().map(|(due, _)| *due).min().ok_or("no change was made")?;
    let last_made = changes.values().map(|(_, made)| *made).max().ok_or("no change was made")?;
    // The last one, too, is given its share of the time.
    let elapsed = (f64::from(last_made - first_due) / 1e6).max(changes.len() as f64 / course.rate);
    let delivered_per_second = client.len() as f64 / cores.elapsed.as_secs_f64();
    Ok(Flood {
        side: contender.side.name(),
        streams: seen.arrivals.len(),
        changes: changes.len(),
        asked_per_second: course.rate,
        kept_per_second: changes.len() as f64 / elapsed,
        delivered_per_second,
        change: Spread::of(changes.values().map(|(due, made)| made.saturating_sub(*due)).collect())?,
        client: Spread::of(client)?,
        last: Spread::of(last)?,
        lists: lists.times.len(),
        list: Spread::of(lists.times)?,
        memory,
        server_cores: cores.server,
        client_cores: cores.clients,
    })
}

impl Spread {
    fn of(mut micros: Vec<u32>) -> Outcome<Self> {
        micros.sort_unstable();
        let ms = |percent| percentile(&micros, percent).map(|time| f64::from(time) / 1e3);
        let (p50, p99) = ms(50).zip(ms(99)).ok_or("nothing was measured")?;
        Ok(Self { p50, p99 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: i64, change: usize) -> ServerEvent {
        let data = format!(r#"{{"message":"Task updated: Change {change}","title":"Change 99"}}"#);
        ServerEvent { id, data: data.into_bytes() }
    }

    fn seen(events: &[(i64, usize)], arrivals: &[usize]) -> Seen {
        Seen {
            events: events.iter().map(|(id, change)| event(*id, *change)).collect(),
            arrivals: arrivals.iter().map(|count| vec![0; *count]).collect(),
        }
    }

    #[test]
    fn every_client_must_have_every_change_once_and_in_order() {
        let changes = Changes::from([(0, (0, 1)), (1, (0, 1))]);
        assert!(check(&seen(&[(7, 1), (8, 0)], &[2, 2]), &changes).is_ok(), "changes at once may overtake");
        for (bad, why) in [
            (seen(&[(7, 0), (8, 1)], &[2, 1]), "a client lacks one"),
            (seen(&[(8, 0), (7, 1)], &[2, 2]), "out of order"),
            (seen(&[(7, 0), (8, 0)], &[2, 2]), "one twice and one not at all"),
            (seen(&[(7, 0)], &[1, 1]), "all lack one"),
            (seen(&[(7, 0), (8, 1), (9, 2)], &[3, 3]), "an event too many"),
        ] {
            assert!(check(&bad, &changes).is_err(), "{why}");
        }
    }
}
