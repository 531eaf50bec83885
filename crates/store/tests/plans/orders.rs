//! The orders and the search that the list of tasks has beside the contract: they look at the tasks of the board, never
//! at all there are, and cost no more statements than the default.

use mc_model::PageRequest;
use mc_model::ids::{AgentId, BoardId};
use mc_model::task::{SortDirection, TaskFilter, TaskOrder, TaskSort, TaskStatus};
use mc_store as store;
use mc_testkit::database::Backend;
use mc_testkit::db_test;
use sea_orm::ConnectionTrait;

use crate::recorder::Recording;
use crate::rows::{self, id, large};
use crate::{Full, page};

/// Every order there is.
fn orders() -> Vec<TaskOrder> {
    TaskSort::ALL
        .into_iter()
        .flat_map(|by| SortDirection::ALL.map(|direction| TaskOrder { by, direction }))
        .collect()
}

/// The filters that take another way through the indexes, each with and without a search.
fn filters() -> Vec<TaskFilter> {
    use TaskStatus::{InProgress, Inbox, Review};
    let agent: AgentId = id(rows::AGENT, 1);
    let all = TaskFilter::default();
    let plain = [
        all.clone(),
        TaskFilter { statuses: vec![Inbox], ..all.clone() },
        TaskFilter { statuses: vec![InProgress, Review], ..all.clone() },
        TaskFilter { assigned_agent_id: Some(agent), ..all.clone() },
        TaskFilter { statuses: vec![Inbox, Review], unassigned: true, ..all },
    ];
    let searching = plain.clone().map(|filter| TaskFilter { text: Some("T_%!".to_owned()), ..filter });
    plain.into_iter().chain(searching).collect()
}

async fn check_all(full: &Full, board: BoardId, pages: &[PageRequest]) {
    let mut checked = 0;
    for filter in filters() {
        for order in orders() {
            let filter = TaskFilter { order, ..filter.clone() };
            for request in pages {
                let what = format!("{filter:?}, {request:?}");
                full.check(&what, async |db| store::tasks::list(db, board, &filter, *request).await).await;
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 10 * 12 * pages.len(), "ten filters, twelve orders");
}

#[db_test]
async fn every_order_and_search_stays_on_its_board(backend: Backend) {
    let full = Full::new(backend).await;
    check_all(&full, id(rows::BOARD, 1), &[page(50, 0), page(50, 1_000_000)]).await;
}

#[db_test]
async fn every_order_and_search_of_a_large_board_uses_an_index(backend: Backend) {
    let full = Full::filled(backend, large::board(backend), &[]).await;
    check_all(&full, id(rows::BOARD, large::LARGE_BOARD), &[page(50, 0)]).await;
}

#[db_test]
async fn no_order_and_no_search_costs_more_statements_for_a_longer_page(backend: Backend) {
    let full = Full::new(backend).await;
    let board: BoardId = id(rows::BOARD, 1);
    // Dependencies make every task of the page ask for more.
    full.raw.execute_unprepared(&rows::dependencies(backend)).await.expect("the rows are valid");
    for order in orders() {
        for text in [None, Some("t".to_owned())] {
            let filter = TaskFilter { text, order, ..TaskFilter::default() };
            let statements = async |limit: u32| {
                let recording = Recording::start().await;
                let list = store::tasks::list(full.store.reader(), board, &filter, page(limit, 0)).await;
                let sent = recording.end().len();
                assert_eq!(list.expect("readable").items.len(), limit as usize, "the rows are there");
                sent
            };
            assert_eq!(statements(50).await, 2, "{filter:?}");
            assert!(statements(1).await <= 2, "{filter:?}");
        }
    }
}
