//! Many open streams on one board, while its tasks change.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::{Connection, EndlessBody, EventReader};
use crate::compare::{Contender, signed_in};
use crate::load::percentile;
use crate::world::World;

/// How long the last client may wait for an event.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to listen on after the last change, for events that come twice.
const AFTERMATH: Duration = Duration::from_secs(1);
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(20);

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Fanout {
    /// Who.
    pub side: &'static str,
    /// Open streams.
    pub streams: usize,
    /// Changes made.
    pub changes: usize,
    /// From the acknowledgement of a change until the last client had its event, in milliseconds.
    pub last_p50_ms: f64,
    /// 99th percentile of the same.
    pub last_p99_ms: f64,
    /// From the acknowledgement of a change until a client had its event, in milliseconds, over all clients.
    pub client_p50_ms: f64,
    /// 99th percentile of the same.
    pub client_p99_ms: f64,
    /// Resident memory of the server with all streams open, in mebibytes.
    pub resident_mib: Option<f64>,
    /// Resident memory before the first one, in mebibytes.
    pub resident_before_mib: Option<f64>,
}

/// An event as a client saw it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    id: i64,
    content: u64,
    at: Instant,
}

/// What the clients tell the one who makes the changes.
#[derive(Default)]
struct Arrivals {
    count: AtomicUsize,
    bell: Notify,
    due: AtomicUsize,
}

/// Opens `streams` streams on the board of the world and makes `changes` changes at the node `editing`, one after
/// another.
///
/// An error when any client misses an event, gets one twice or in another order, or sees other content.
pub async fn run(
    contender: &Contender,
    editing: SocketAddr,
    streams: usize,
    changes: usize,
) -> Outcome<Fanout> {
    let before = contender.server.resident();
    let (stop, stopped) = watch::channel(false);
    let arrivals = Arc::new(Arrivals::default());
    let mut clients = open(contender, streams, &arrivals, &stopped).await?;
    let mut acknowledged = Vec::new();
    let mut editor = Connection::open(editing).await?;
    for change in 0..changes {
        arrivals.due.store(streams * (change + 1), Ordering::SeqCst);
        edit(&mut editor, &contender.world, change).await?;
        acknowledged.push(Instant::now());
        let all = tokio::time::timeout(PATIENCE, arrivals.all());
        all.await.map_err(|_| format!("change {change} did not reach every stream"))?;
        tokio::time::sleep(PAUSE).await;
    }
    let resident = contender.server.resident();
    tokio::time::sleep(AFTERMATH).await;
    stop.send_replace(true);
    let mut seen = Vec::new();
    while let Some(client) = clients.join_next().await {
        seen.push(client??);
    }
    check(&seen, changes)?;
    summarize(contender, &seen, &acknowledged, before, resident)
}

async fn open(
    contender: &Contender,
    streams: usize,
    arrivals: &Arc<Arrivals>,
    stopped: &watch::Receiver<bool>,
) -> Outcome<JoinSet<Outcome<Vec<Seen>>>> {
    let path = format!("/api/v1/boards/{}/tasks/stream", contender.world.board);
    let ask = signed_in("GET", &path, None);
    let mut clients = JoinSet::new();
    for _ in 0..streams {
        let reader = EventReader::new(follow(contender.server.address, &ask).await?);
        clients.spawn(listen(reader, Arc::clone(arrivals), stopped.clone()));
    }
    Ok(clients)
}

/// Opens a stream.
pub async fn follow(address: SocketAddr, ask: &[u8]) -> Outcome<EndlessBody> {
    let (status, body) = Connection::open(address).await?.follow(ask).await?;
    match status {
        200 => Ok(body),
        other => Err(format!("a stream was answered {other}").into()),
    }
}

async fn listen(
    mut reader: EventReader,
    arrivals: Arc<Arrivals>,
    mut stopped: watch::Receiver<bool>,
) -> Outcome<Vec<Seen>> {
    let mut seen = Vec::new();
    loop {
        let events = tokio::select! {
            events = reader.next() => events?,
            _ = stopped.changed() => return Ok(seen),
        };
        let at = Instant::now();
        for event in events {
            let mut hasher = DefaultHasher::new();
            event.data.hash(&mut hasher);
            seen.push(Seen { id: event.id, content: hasher.finish(), at });
            arrivals.one_more();
        }
    }
}

impl Arrivals {
    fn one_more(&self) {
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count >= self.due.load(Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }

    async fn all(&self) {
        while self.count.load(Ordering::SeqCst) < self.due.load(Ordering::SeqCst) {
            self.bell.notified().await;
        }
    }
}

/// Makes change number `change`: another title of one of the tasks.
pub async fn edit(editor: &mut Connection, world: &World, change: usize) -> Outcome<()> {
    let (board, task) = (world.board, world.tasks[change % world.tasks.len()]);
    let path = format!("/api/v1/boards/{board}/tasks/{task}");
    let body = format!(r#"{{"title":"Change {change}"}}"#);
    let answer = editor.exchange(&signed_in("PATCH", &path, Some(&body))).await?;
    match answer.status {
        200 => Ok(()),
        other => Err(format!("a change was answered {other}").into()),
    }
}

/// Every client saw each change once, in the same order, with the same content.
fn check(seen: &[Vec<Seen>], changes: usize) -> Outcome<()> {
    let facts = |events: &[Seen]| events.iter().map(|event| (event.id, event.content)).collect::<Vec<_>>();
    let first = seen.first().map(|events| facts(events)).ok_or("no client came to its end")?;
    if first.len() != changes || !first.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(format!("{changes} changes made these events: {first:?}").into());
    }
    match seen.iter().position(|events| facts(events) != first) {
        Some(client) => Err(format!("client {client} saw {:?} instead of {first:?}", seen[client]).into()),
        None => Ok(()),
    }
}

fn summarize(
    contender: &Contender,
    seen: &[Vec<Seen>],
    acknowledged: &[Instant],
    before: Option<u64>,
    resident: Option<u64>,
) -> Outcome<Fanout> {
    let delay =
        |change: usize, events: &[Seen]| events[change].at.saturating_duration_since(acknowledged[change]);
    let mut each: Vec<Duration> = Vec::new();
    let mut last: Vec<Duration> = Vec::new();
    for change in 0..acknowledged.len() {
        let delays: Vec<_> = seen.iter().map(|events| delay(change, events)).collect();
        last.extend(delays.iter().max());
        each.extend(delays);
    }
    each.sort_unstable();
    last.sort_unstable();
    let ms = |times: &[Duration], percent| {
        percentile(times, percent).map(|time| time.as_secs_f64() * 1e3).ok_or("nothing was measured")
    };
    Ok(Fanout {
        side: contender.side.name(),
        streams: seen.len(),
        changes: acknowledged.len(),
        last_p50_ms: ms(&last, 50)?,
        last_p99_ms: ms(&last, 99)?,
        client_p50_ms: ms(&each, 50)?,
        client_p99_ms: ms(&each, 99)?,
        resident_mib: resident.map(mebibytes),
        resident_before_mib: before.map(mebibytes),
    })
}

/// Bytes in mebibytes.
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Opens `streams` streams that stay silent; the server's resident memory in mebibytes with all of them.
pub async fn memory(contender: &Contender, streams: usize) -> Outcome<Option<f64>> {
    let (stop, stopped) = watch::channel(false);
    let mut clients = open(contender, streams, &Arc::default(), &stopped).await?;
    tokio::time::sleep(AFTERMATH).await;
    let resident = contender.server.resident().map(mebibytes);
    stop.send_replace(true);
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(resident)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(events: &[(i64, u64)]) -> Vec<Seen> {
        events.iter().map(|(id, content)| Seen { id: *id, content: *content, at: Instant::now() }).collect()
    }

    #[test]
    fn a_lost_doubled_swapped_or_altered_event_is_found() {
        let good = || client(&[(7, 1), (8, 2)]);
        assert!(check(&[good(), good()], 2).is_ok());
        assert!(check(&[good(), good()], 3).is_err(), "all clients miss one");
        for bad in [&[(7, 1)][..], &[(7, 1), (8, 2), (8, 2)], &[(8, 2), (7, 1)], &[(7, 1), (8, 3)]] {
            assert!(check(&[good(), client(bad)], 2).is_err(), "{bad:?}");
            assert!(check(&[client(bad), good()], 2).is_err(), "{bad:?}");
        }
        assert!(check(&[], 0).is_err());
    }
}
