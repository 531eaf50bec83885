//! The job queue: leases, retries with backoff, dead letters.

use std::collections::HashSet;
use std::time::Duration;

use mc_model::Clock;
use mc_model::ids::JobId;
use mc_store::queue::{self, Backoff, ClaimedJob};
use mc_store::{NewJob, Store, WriteTx};
use mc_testkit::database::Backend;
use mc_testkit::db_test;
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{World, in_time};

const LEASE: Duration = Duration::from_secs(60);
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(10), max: Duration::from_secs(100) };
const KINDS: [&str; 2] = ["mail", "wake"];

/// A job of the kind `mail` that is due `delay` from now.
struct Mail<'a> {
    name: &'a str,
    delay: Duration,
    max_attempts: i32,
    key: Option<&'a str>,
}

impl<'a> Mail<'a> {
    fn due(name: &'a str) -> Self {
        Self { name, delay: Duration::ZERO, max_attempts: 3, key: None }
    }

    async fn add(&self, world: &World) {
        let write = async |tx: &mut WriteTx| {
            tx.job(NewJob {
                kind: "mail",
                payload: json!({"z": self.name, "a": null}),
                run_at: tx.now().after(self.delay),
                max_attempts: self.max_attempts,
                dedup_key: self.key.map(str::to_owned),
            });
            Ok(())
        };
        world.store.write(world.scope(0), Some("request-1"), write).await.expect("nothing stands in the way");
    }
}

async fn claim(store: &Store, worker: &str, kinds: &[&str], limit: u32) -> Vec<ClaimedJob> {
    let claim = async |tx: &mut WriteTx| queue::claim(tx, worker, kinds, LEASE, limit).await;
    store.write(None, None, claim).await.expect("jobs can be claimed")
}

/// The names of the due mails that `worker` gets.
async fn claimed(world: &World, worker: &str) -> Vec<String> {
    let jobs = claim(&world.store, worker, &KINDS, 10).await;
    jobs.iter().map(|job| job.payload["z"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn finish(world: &World, worker: &str, job: JobId) -> bool {
    let finish = async |tx: &mut WriteTx| queue::finish(tx, worker, job).await;
    world.store.write(None, None, finish).await.expect("a job can be finished")
}

async fn fail(world: &World, worker: &str, job: &ClaimedJob, error: &str) -> bool {
    let fail = async |tx: &mut WriteTx| queue::fail(tx, worker, job, error, BACKOFF).await;
    world.store.write(None, None, fail).await.expect("a job can fail")
}

#[db_test]
async fn a_due_job_is_leased_to_one_worker(backend: Backend) {
    let world = World::new(backend, 1).await;
    Mail::due("first").add(&world).await;
    let jobs = claim(&world.store, "one", &KINDS, 10).await;
    let [job] = &jobs[..] else { panic!("one job was added: {jobs:?}") };
    assert_eq!((job.kind.as_str(), job.attempt, job.max_attempts), ("mail", 1, 3));
    assert_eq!(job.payload.to_string(), r#"{"z":"first","a":null}"#, "the payload comes back as it went in");
    assert_eq!(job.request_id.as_deref(), Some("request-1"));
    assert!(claimed(&world, "two").await.is_empty(), "it is leased");
    assert!(finish(&world, "one", job.id).await);
    assert!(!finish(&world, "one", job.id).await, "it is gone");
    assert_eq!(world.count("jobs").await, 0);
}

#[db_test]
async fn only_due_jobs_of_the_wanted_kinds_are_claimed_oldest_first(backend: Backend) {
    let world = World::new(backend, 1).await;
    Mail { delay: Duration::from_secs(20), ..Mail::due("third") }.add(&world).await;
    Mail { delay: Duration::from_secs(10), ..Mail::due("second") }.add(&world).await;
    Mail::due("first").add(&world).await;
    assert!(claim(&world.store, "one", &["wake"], 10).await.is_empty(), "no such kind");
    assert_eq!(claimed(&world, "one").await, ["first"]);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(claim(&world.store, "one", &KINDS, 1).await.len(), 1, "due at this very moment");
    world.clock.advance(Duration::from_secs(100));
    let jobs = claim(&world.store, "two", &KINDS, 2).await;
    let names: HashSet<_> = jobs.iter().map(|job| job.payload["z"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, HashSet::from(["first", "second"]), "the two oldest, whose leases ran out");
}

#[db_test]
async fn a_lease_that_ran_out_passes_the_job_on(backend: Backend) {
    let world = World::new(backend, 1).await;
    Mail::due("stolen").add(&world).await;
    let lost = claim(&world.store, "one", &KINDS, 1).await.remove(0);
    world.clock.advance(LEASE);
    assert!(claimed(&world, "two").await.is_empty(), "the lease covers its last moment");
    world.clock.advance(Duration::from_micros(1));
    let stolen = claim(&world.store, "two", &KINDS, 1).await.remove(0);
    assert_eq!((stolen.id, stolen.attempt), (lost.id, 2));
    assert!(!finish(&world, "one", lost.id).await, "it is not worker one's any more");
    assert!(!fail(&world, "one", &ClaimedJob { attempt: 3, ..lost.clone() }, "late").await);
    assert_eq!(
        world.number("SELECT count(*) FROM jobs WHERE leased_by = 'two' AND dead_at IS NULL").await,
        1
    );
    assert!(finish(&world, "two", stolen.id).await);
    assert_eq!(world.count("jobs").await, 0);
}

#[db_test]
async fn a_key_is_taken_while_its_job_is_there(backend: Backend) {
    let world = World::new(backend, 1).await;
    let keyed = Mail { key: Some("key"), max_attempts: 1, ..Mail::due("keyed") };
    keyed.add(&world).await;
    keyed.add(&world).await;
    Mail::due("no key").add(&world).await;
    Mail::due("no key").add(&world).await;
    assert_eq!(world.count("jobs").await, 3);
    let job = claim(&world.store, "one", &KINDS, 1).await.remove(0);
    assert_eq!(job.payload["z"], "keyed");
    assert!(finish(&world, "one", job.id).await);
    keyed.add(&world).await;
    assert_eq!(world.count("jobs").await, 3, "a finished job frees its key");
    let jobs = claim(&world.store, "one", &KINDS, 10).await;
    let job = jobs.iter().find(|job| job.payload["z"] == "keyed").expect("it was added again");
    assert!(fail(&world, "one", job, "hopeless").await);
    keyed.add(&world).await;
    assert_eq!(world.count("jobs").await, 4, "a dead job frees its key");
}

#[db_test]
async fn a_failing_job_waits_longer_each_time_and_is_set_aside_at_last(backend: Backend) {
    const ATTEMPTS: i32 = 7;
    let world = World::new(backend, 1).await;
    Mail { max_attempts: ATTEMPTS, ..Mail::due("doomed") }.add(&world).await;
    for attempt in 1..=ATTEMPTS {
        let job = claim(&world.store, "one", &KINDS, 1).await.remove(0);
        assert_eq!(job.attempt, attempt);
        let is_dead = fail(&world, "one", &job, &format!("failure {attempt}")).await;
        assert_eq!(is_dead, attempt == ATTEMPTS, "attempt {attempt}");
        if is_dead {
            break;
        }
        let due = queue::next_due(world.store.reader(), &KINDS).await.expect("readable").expect("it waits");
        let wait = due.since(world.clock.now());
        let least = BACKOFF.max.min(BACKOFF.base * 2_u32.pow(attempt.unsigned_abs() - 1));
        assert!(wait >= least && wait <= least + least / 10, "after failure {attempt}: {wait:?}");
        assert!(claimed(&world, "one").await.is_empty(), "it waits");
        world.clock.advance(wait);
    }
    world.clock.advance(Duration::from_secs(100_000));
    assert!(claimed(&world, "one").await.is_empty(), "nobody runs a dead job");
    assert_eq!(queue::next_due(world.store.reader(), &KINDS).await.expect("readable"), None);
    let dead = queue::dead(world.store.reader(), 10).await.expect("readable");
    let [dead] = &dead[..] else { panic!("one job died: {dead:?}") };
    assert_eq!((dead.kind.as_str(), dead.attempt), ("mail", ATTEMPTS));
    assert_eq!(dead.last_error.as_deref(), Some("failure 7"));
    assert_eq!(dead.payload["z"], "doomed");
}

#[db_test]
async fn next_due_counts_waiting_jobs_and_leases_that_will_run_out(backend: Backend) {
    let world = World::new(backend, 1).await;
    let next = async || queue::next_due(world.store.reader(), &KINDS).await.expect("readable");
    assert_eq!(next().await, None);
    let now = world.clock.now();
    Mail { delay: Duration::from_secs(300), ..Mail::due("later") }.add(&world).await;
    assert_eq!(next().await, Some(now.after(Duration::from_secs(300))));
    Mail::due("now").add(&world).await;
    assert_eq!(next().await, Some(now));
    claim(&world.store, "one", &KINDS, 1).await;
    assert_eq!(next().await, Some(now.after(LEASE)), "the lease runs out before the other one is due");
    let other = queue::next_due(world.store.reader(), &["wake"]).await.expect("readable");
    assert_eq!(other, None, "another kind");
}

#[db_test]
async fn parallel_workers_never_get_the_same_job(backend: Backend) {
    const JOBS: usize = 200;
    const WORKERS: usize = 8;
    let world = World::new(backend, 1).await;
    let add = async |tx: &mut WriteTx| {
        for number in 0..JOBS {
            tx.job(NewJob {
                kind: "mail",
                payload: json!({"number": number}),
                run_at: tx.now(),
                max_attempts: 3,
                dedup_key: None,
            });
        }
        Ok(())
    };
    world.store.write(world.scope(0), None, add).await.expect("nothing stands in the way");
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let store = world.store.clone();
        workers.spawn(async move {
            let mut got = Vec::new();
            loop {
                let jobs = claim(&store, &format!("worker {worker}"), &KINDS, 7).await;
                assert!(jobs.len() <= 7, "more than asked for: {}", jobs.len());
                if jobs.is_empty() {
                    // Rows that a rival is claiming are passed over, so an empty hand is not the end.
                    let left = queue::next_due(store.reader(), &KINDS).await.expect("readable");
                    if left.is_none_or(|due| due > store.clock().now()) {
                        return got;
                    }
                    tokio::task::yield_now().await;
                }
                got.extend(jobs.into_iter().map(|job| (job.id, job.attempt)));
            }
        });
    }
    let got: Vec<_> = in_time("the workers", workers.join_all()).await.into_iter().flatten().collect();
    assert_eq!(got.len(), JOBS, "each job once");
    assert!(got.iter().all(|(_, attempt)| *attempt == 1));
    assert_eq!(got.iter().map(|(id, _)| *id).collect::<HashSet<_>>().len(), JOBS);
}
