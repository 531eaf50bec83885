//! What owns one of everything is deleted: nothing of it is left in any table, and nothing else is touched.

use axum::http::StatusCode;
use mc_model::access::Role;
use mc_model::organization::Organization;
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Backend, TestApp, TestUser, db_test};
use serde_json::json;

use crate::everything::{Everything, Ids, Rows, mentioning};

const ALL: AllBoards = AllBoards { read: true, write: true };

/// An organization with one row in every table, and its owner.
async fn full_organization(
    app: &TestApp,
    everything: &Everything,
    name: &str,
) -> (Organization, TestUser, Ids) {
    let organization = app.add_organization(name).await;
    let owner = app.add_person(&organization, name, Role::Owner, ALL).await;
    let own = Ids::from([
        ("organizations".to_owned(), vec![organization.id.0]),
        ("users".to_owned(), vec![owner.user.id.0]),
        ("organization_members".to_owned(), vec![owner.member.id.0]),
    ]);
    let ids = everything.fill(name, own).await;
    (organization, owner, ids)
}

fn all(ids: &Ids) -> Vec<uuid::Uuid> {
    ids.values().flatten().copied().collect()
}

/// The rows of the organization of `ids`, which are as before.
fn assert_untouched(before: &Rows, after: &Rows, ids: &Ids) {
    let (before, after) = (mentioning(before, all(ids)), mentioning(after, all(ids)));
    assert!(before.len() >= ids.len(), "each table has a row");
    let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "rows of another organization changed: {gone:#?} became {new:#?}"
    );
}

#[db_test]
async fn deleting_an_organization_leaves_no_row_of_it_and_every_row_of_others(backend: Backend) {
    let app = TestApp::new(backend).await;
    let everything = Everything::of(&app).await;
    let (_, ann, of_ann) = full_organization(&app, &everything, "ann").await;
    let (_, _, of_ben) = full_organization(&app, &everything, "ben").await;
    let before = everything.rows().await;
    let filled = mentioning(&before, all(&of_ann)).into_iter().map(|(table, _)| table);
    let filled: std::collections::BTreeSet<_> = filled.collect();
    let expected: std::collections::BTreeSet<_> = of_ann.keys().cloned().collect();
    assert_eq!(filled, expected, "it owns a row in each table");

    app.delete(&ann, "/api/v1/organizations/me").await.ok();

    let after = everything.rows().await;
    let account = of_ann["users"][0];
    let owned = all(&of_ann).into_iter().filter(|id| *id != account);
    assert_eq!(mentioning(&after, owned), [], "rows are left");
    let of_account = mentioning(&after, [account]);
    assert_eq!(of_account.len(), 1, "the account stays, and nothing else of it: {of_account:?}");
    assert_untouched(&before, &after, &of_ben);
    let fresh = app.get(&ann, "/api/v1/organizations/me").await.ok();
    assert_eq!(fresh["name"], json!("Personal"));
}

#[db_test]
async fn deleting_an_account_takes_the_organization_nobody_else_is_in(backend: Backend) {
    let app = TestApp::new(backend).await;
    let everything = Everything::of(&app).await;
    let (_, ann, of_ann) = full_organization(&app, &everything, "ann").await;
    let (_, _, of_ben) = full_organization(&app, &everything, "ben").await;
    let before = everything.rows().await;

    assert_eq!(app.delete(&ann, "/api/v1/users/me").await.ok(), json!({"ok": true}));

    let after = everything.rows().await;
    assert_eq!(mentioning(&after, all(&of_ann)), [], "rows are left");
    assert_untouched(&before, &after, &of_ben);
    let again = app.get(&ann, "/api/v1/users/me").await.ok();
    assert_ne!(again["id"], json!(ann.user.id), "the same credentials make another account");
}

#[db_test]
async fn an_organization_that_others_are_in_outlives_the_account(backend: Backend) {
    let app = TestApp::new(backend).await;
    let everything = Everything::of(&app).await;
    let (organization, ann, of_ann) = full_organization(&app, &everything, "ann").await;
    let cleo = app.add_person(&organization, "cleo", Role::Owner, ALL).await;
    let tasks = format!("/api/v1/boards/{}/tasks", of_ann["boards"][0]);
    let made = app.post(&ann, &tasks, json!({"title": "Stays"})).await.ok();
    assert_eq!(made["created_by_user_id"], json!(ann.user.id));

    app.delete(&ann, "/api/v1/users/me").await.ok();

    let account = of_ann["users"][0];
    let after = everything.rows().await;
    let mentions = mentioning(&after, [account]);
    let tables: Vec<_> = mentions.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(tables, ["activity_events"], "only the log says who left: {mentions:?}");
    let kept = app.get(&cleo, &tasks).await.ok();
    let kept = kept["items"].as_array().expect("a list").iter().find(|task| task["title"] == "Stays");
    assert_eq!(kept.expect("the task stays")["created_by_user_id"], json!(null));
    let gone = app.get(&cleo, &format!("/api/v1/organizations/me/members/{}", ann.member.id)).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
