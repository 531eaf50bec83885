//! The job runner: what becomes of jobs that succeed, fail, or take their worker down.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use mc_model::Error;
use mc_service::jobs::{Handler, Handlers};
use mc_store::queue::{self, DeadJob};
use mc_store::{NewJob, WriteTx};
use mc_testkit::{Backend, TestApp, World, db_test};
use serde_json::json;

const KIND: &str = "test.work";
const MAX_ATTEMPTS: i32 = 3;
/// Longer than any lease or pause between runs.
const LATER: Duration = Duration::from_secs(3_600);

async fn add(app: &TestApp, world: &World) {
    let write = async |tx: &mut WriteTx| {
        tx.job(NewJob {
            kind: KIND,
            payload: json!({}),
            run_at: tx.now(),
            max_attempts: MAX_ATTEMPTS,
            dedup_key: None,
        });
        Ok(())
    };
    let scope = mc_model::event::Scope::Board(world.board.id);
    app.store().write(scope, None, write).await.expect("nothing stands in the way");
}

/// Counts its runs, of which those from number `good_from` on succeed.
fn worker(good_from: usize) -> (Handlers, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let handler: Handler = Arc::new(move |_| {
        let run = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move { if run >= good_from { Ok(()) } else { Err(Error::internal(format!("run {run}"))) } }
            .boxed()
    });
    (Handlers::from([(KIND, handler)]), runs)
}

async fn run_due(app: &TestApp, handlers: &Handlers) -> usize {
    app.services().run_due_jobs("worker", handlers).await.expect("jobs can be claimed")
}

async fn dead(app: &TestApp) -> Vec<DeadJob> {
    queue::dead(app.store().reader(), 10).await.expect("readable")
}

#[db_test]
async fn a_failing_job_is_run_again_until_it_succeeds(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (handlers, runs) = worker(3);
    add(&app, &world).await;
    for run in 1..=3 {
        assert_eq!(run_due(&app, &handlers).await, 1);
        assert_eq!(run_due(&app, &handlers).await, 0, "it waits before the next run");
        assert_eq!(runs.load(Ordering::SeqCst), run);
        app.clock().advance(LATER);
    }
    assert_eq!(run_due(&app, &handlers).await, 0, "it is done");
    assert!(dead(&app).await.is_empty());
}

#[db_test]
async fn a_hopeless_job_is_set_aside_with_its_last_error(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (handlers, runs) = worker(usize::MAX);
    add(&app, &world).await;
    for _ in 0..6 {
        run_due(&app, &handlers).await;
        app.clock().advance(LATER);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let dead = dead(&app).await;
    assert_eq!(dead.len(), 1);
    assert!(dead[0].last_error.as_deref().is_some_and(|error| error.contains("run 3")), "{dead:?}");
}

#[db_test]
async fn a_job_that_takes_its_workers_down_is_set_aside(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (handlers, runs) = worker(1);
    add(&app, &world).await;
    for attempt in 1..=MAX_ATTEMPTS {
        // A worker that claims the job and is never heard of again.
        let claim =
            async |tx: &mut WriteTx| queue::claim(tx, "lost", &[KIND], Duration::from_secs(1), 1).await;
        let jobs = app.store().write(None, None, claim).await.expect("jobs can be claimed");
        assert_eq!(jobs.iter().map(|job| job.attempt).collect::<Vec<_>>(), [attempt]);
        app.clock().advance(LATER);
    }
    assert_eq!(run_due(&app, &handlers).await, 1);
    assert_eq!(runs.load(Ordering::SeqCst), 0, "it is not tried on yet another worker");
    let dead = dead(&app).await;
    assert!(dead[0].last_error.as_deref().is_some_and(|error| error.contains("lost")), "{dead:?}");
    app.clock().advance(LATER);
    assert_eq!(run_due(&app, &handlers).await, 0);
}
