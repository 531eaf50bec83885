//! A chain of twenty thousand tasks and a board of fifty thousand: the same number of statements as on a small board,
//! none of which looks at all rows.

use mc_model::PageRequest;
use mc_model::ids::{AgentId, BoardId, TaskId};
use mc_model::task::{TaskFilter, TaskStatus};
use mc_store::{self as store, Reader};
use mc_testkit::database::Backend;
use mc_testkit::db_test;

use crate::recorder::Recording;
use crate::rows::{self, id, large};
use crate::{Full, page};

/// Runs `query` and gives the number of statements it sends.
async fn statements<T>(full: &Full, query: impl AsyncFnOnce(&Reader) -> mc_model::Result<T>) -> usize {
    let recording = Recording::start().await;
    let outcome = query(full.store.reader()).await;
    let sent = recording.end().len();
    outcome.unwrap_or_else(|error| panic!("{error}"));
    sent
}

#[db_test]
async fn a_chain_of_twenty_thousand_is_walked_by_index(backend: Backend) {
    let full = Full::filled(backend, large::chain(backend), &["task_dependencies"]).await;
    let board: BoardId = id(rows::BOARD, large::LARGE_BOARD);
    let task = |number: u32| -> TaskId { id(large::LARGE_TASK, number) };
    let (first, last) = (task(0), task(large::CHAIN - 1));
    for (what, from, target, wanted) in [
        ("the whole chain", vec![last], first, true),
        ("the other way", vec![first], last, false),
        ("half of it", vec![task(large::CHAIN / 2), first], last, false),
    ] {
        full.check(what, async |db| {
            let found = store::tasks::dependencies::any_waits_for(db, &from, target).await?;
            assert_eq!(found, wanted, "{what}");
            Ok(())
        })
        .await;
        let sent =
            statements(&full, async |db| store::tasks::dependencies::any_waits_for(db, &from, target).await);
        assert_eq!(sent.await, 1, "{what}: one statement, however long the way");
    }
    full.check("blockers", async |db| store::tasks::dependencies::blockers(db, last).await).await;
    full.check("dependents", async |db| store::tasks::dependencies::dependents(db, board, first).await).await;
    full.check("states", async |db| store::tasks::dependencies::statuses(db, board, &[first, last]).await)
        .await;
    for number in [0, 1, large::CHAIN - 1] {
        let sent = statements(&full, async |db| {
            let found = store::tasks::on_board(db, board, task(number)).await?.expect("it is there");
            let view = store::tasks::view(db, found).await?;
            assert_eq!(view.depends_on.len(), usize::from(number > 0));
            Ok(())
        });
        assert_eq!(sent.await, 2, "a task and what belongs to it");
    }
    for request in [page(1, 0), page(200, 0), page(200, i64::from(large::CHAIN) - 200)] {
        let sent = statements(&full, async |db| {
            store::tasks::list(db, board, &TaskFilter::default(), request).await
        });
        assert_eq!(sent.await, 2, "{request:?}");
    }
}

#[db_test]
async fn a_board_of_fifty_thousand_is_listed_by_index(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let full = Full::filled(backend, large::board(backend), &[]).await;
    let board: BoardId = id(rows::BOARD, large::LARGE_BOARD);
    let agent: AgentId = id(rows::AGENT, 1);
    let all = TaskFilter::default();
    let last_page = |total: i64| PageRequest { limit: 50, offset: (total - 50).max(0) };
    for (what, filter) in [
        ("all tasks", all.clone()),
        ("a rare state", TaskFilter { statuses: vec![Review], ..all.clone() }),
        ("a common state", TaskFilter { statuses: vec![Done], ..all.clone() }),
        ("a rare and a common state", TaskFilter { statuses: vec![Review, Done], ..all.clone() }),
        ("every state", TaskFilter { statuses: vec![Inbox, InProgress, Review, Done], ..all.clone() }),
        ("of an agent", TaskFilter { assigned_agent_id: Some(agent), ..all.clone() }),
        ("of nobody", TaskFilter { unassigned: true, ..all.clone() }),
        ("free in inbox", TaskFilter { statuses: vec![Inbox], unassigned: true, ..all.clone() }),
        (
            "two states of an agent",
            TaskFilter { statuses: vec![InProgress, Review], assigned_agent_id: Some(agent), ..all.clone() },
        ),
    ] {
        let list =
            store::tasks::list(full.store.reader(), board, &filter, page(50, 0)).await.expect("readable");
        assert!(list.total > 0, "{what}: the rows are there");
        for request in [page(50, 0), page(200, 100), last_page(list.total)] {
            let case = format!("{what}, {request:?}");
            full.check(&case, async |db| store::tasks::list(db, board, &filter, request).await).await;
            let sent =
                statements(&full, async |db| store::tasks::list(db, board, &filter, request).await).await;
            assert!(sent <= 2, "{case}: {sent} statements");
        }
    }
}
