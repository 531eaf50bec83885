//! Several admins, and admins against tasks, at one time.

use std::sync::Arc;

use mc_model::event::Scope;
use mc_store as store;
use mc_testkit::{Answer, Backend, TestApp, db_test};
use serde_json::json;
use tokio::task::JoinSet;

use super::{FIELDS, define, definition, id_of, listed, patch};
use crate::recorded::recorded;

#[db_test]
async fn of_eight_creates_with_one_key_one_wins(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let mut tries = JoinSet::new();
    for number in 0..8 {
        let (app, actor) = (app.clone(), world.admin.actor.clone());
        let body = definition(&world, "wanted", &json!({"label": format!("Rival {number}")}));
        tries.spawn(async move { app.post(&actor, FIELDS, body).await });
    }
    assert_eq!(statuses(&tries.join_all().await), [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(listed(&app, &world.reader).await.len(), 1);
    assert_eq!(recorded(&app, "custom_field.created").await.len(), 1);
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

/// A task takes a value in the scope of its board while an admin changes the type: whoever is first, the value fits
/// the definition afterwards or is refused.
#[db_test]
async fn a_value_never_slips_in_under_a_change_of_type(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    for round in 0..10 {
        let field = define(&app, &world, &format!("key{round}"), json!({})).await;
        let (board, task, organization, id) =
            (world.board.id, world.task.id, world.organization.id, id_of(&field));
        let writer = {
            let app = app.clone();
            tokio::spawn(async move {
                let write = async |tx: &mut store::WriteTx| {
                    let fields = store::tasks::labels::fields_of_board(tx, organization, board).await?;
                    let field = fields.iter().find(|field| field.id == id).expect("it is bound");
                    let value = json!("text");
                    let fits = mc_model::custom_field::check_value(field, &value).is_ok();
                    if fits {
                        store::tasks::labels::store_values(tx, task, &[(id, value)]).await?;
                    }
                    Ok(fits)
                };
                app.store().write(Scope::Board(board), None, write).await.expect("a write")
            })
        };
        let changer = {
            let (app, actor, field) = (app.clone(), world.admin.actor.clone(), field.clone());
            tokio::spawn(async move { patch(&app, &actor, &field, json!({"field_type": "integer"})).await })
        };
        let (stored, changed) = (writer.await.expect("a writer"), changer.await.expect("an admin"));
        let expected = if stored { 409 } else { 200 };
        assert_eq!(changed.status, expected, "round {round}, value stored: {stored}: {changed}");
    }
}

/// A field goes while others bind it: they were in time or find nothing, never a fault.
#[db_test]
async fn a_deletion_is_no_fault_for_those_who_bind(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    let mut tries = JoinSet::new();
    for number in 0..8 {
        let (app, actor, field) = (app.clone(), world.admin.actor.clone(), field.clone());
        let boards = if number % 2 == 0 { json!([world.board.id]) } else { json!([world.other_board.id]) };
        tries.spawn(async move {
            match number {
                7 => app.delete(&actor, &super::field_path(&field)).await,
                _ => patch(&app, &actor, &field, json!({"board_ids": boards})).await,
            }
        });
    }
    for answer in tries.join_all().await {
        assert!(matches!(answer.status.as_u16(), 200 | 404), "{answer}");
    }
    assert!(listed(&app, &world.reader).await.is_empty(), "deleted is deleted");
}
