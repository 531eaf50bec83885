//! The clients of a flood, on a thread of their own and as cheap as can be: what they receive is compared, not read.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};

use super::micros_since;
use super::record::{Place, Record};
use crate::Outcome;
use crate::client::{EndlessBody, ServerEvent};
use crate::streams::follow;

/// How much is read from a stream at once.
const READ: usize = 256 * 1024;

/// Clients that follow a board.
pub struct Followers {
    thread: JoinHandle<Outcome<Seen>>,
    received: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
}

/// What the clients saw.
pub struct Seen {
    /// The events, the same for all of them.
    pub events: Vec<ServerEvent>,
    /// When each client had each event, in microseconds since the beginning.
    pub arrivals: Vec<Vec<u32>>,
}

impl Followers {
    /// Sends `ask` to `address` on `streams` connections and waits until all are open.
    pub async fn open(address: SocketAddr, ask: Vec<u8>, streams: usize, since: Instant) -> Outcome<Self> {
        let received = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel();
        let (opened, open) = oneshot::channel();
        let count = Arc::clone(&received);
        let thread = std::thread::Builder::new().name("followers".to_owned()).spawn(move || {
            let clients = Clients {
                since,
                received: count,
                record: RefCell::default(),
                buffer: Mutex::new(vec![0; READ]),
            };
            let run = clients.run(address, ask, streams, opened, stopped);
            crate::runtime(1)?.block_on(LocalSet::new().run_until(run))
        })?;
        let followers = Self { thread, received, stop };
        match open.await {
            Ok(()) => Ok(followers),
            Err(_) => Err(followers.finish().err().unwrap_or_else(|| "the streams were not opened".into())),
        }
    }

    /// How many events came in all, over all clients; an end when a client has failed.
    pub fn received(&self) -> Option<usize> {
        (!self.thread.is_finished()).then(|| self.received.load(Ordering::Relaxed))
    }

    /// Closes the streams.
    pub fn finish(self) -> Outcome<Seen> {
        // Nobody listens any more when a client has failed; that is the result then.
        self.stop.send(()).ok();
        self.thread.join().map_err(|_| "the clients panicked")?
    }
}

struct Clients {
    since: Instant,
    received: Arc<AtomicUsize>,
    record: RefCell<Record>,
    buffer: Mutex<Vec<u8>>,
}

impl Clients {
    async fn run(
        self,
        address: SocketAddr,
        ask: Vec<u8>,
        streams: usize,
        opened: oneshot::Sender<()>,
        stopped: oneshot::Receiver<()>,
    ) -> Outcome<Seen> {
        let clients = Rc::new(self);
        let mut places = Vec::with_capacity(streams);
        let mut running = JoinSet::new();
        for _ in 0..streams {
            let body = follow(address, &ask).await?;
            let place = Rc::new(RefCell::new(Place::default()));
            running.spawn_local(Rc::clone(&clients).listen(body, Rc::clone(&place)));
            places.push(place);
        }
        // Without anybody waiting, `stopped` ends the run below.
        opened.send(()).ok();
        tokio::select! {
            Some(failed) = running.join_next() => failed??,
            _ = stopped => {}
        }
        drop(running);
        let arrivals = places.iter().map(|place| std::mem::take(&mut place.borrow_mut().arrivals)).collect();
        Ok(Seen { events: clients.record.borrow().events()?, arrivals })
    }

    async fn listen(self: Rc<Self>, mut body: EndlessBody, place: Rc<RefCell<Place>>) -> Outcome<()> {
        loop {
            let take = |piece: &[u8]| {
                let at = micros_since(self.since, Instant::now());
                let complete = self.record.borrow_mut().take(&mut place.borrow_mut(), piece, at)?;
                self.received.fetch_add(complete, Ordering::Relaxed);
                Ok(())
            };
            body.read(&self.buffer, take).await?;
        }
    }
}
