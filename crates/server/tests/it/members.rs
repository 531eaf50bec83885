//! Members over HTTP: who may see and change what, and that an organization keeps an owner whatever happens at once.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use mc_model::access::Role;
use mc_model::ids::MemberId;
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Actor, Answer, Backend, TestApp, TestUser, World, db_test};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::recorded::recorded;

const MEMBERS: &str = "/api/v1/organizations/me/members";
const NONE: AllBoards = AllBoards { read: false, write: false };

fn path(member: MemberId) -> String {
    format!("{MEMBERS}/{member}")
}

fn access(member: MemberId) -> String {
    format!("{MEMBERS}/{member}/access")
}

async fn set_role(app: &TestApp, actor: &Actor, target: &TestUser, role: &str) -> Answer {
    app.patch(actor, &path(target.member.id), json!({"role": role})).await
}

fn grant(board: impl serde::Serialize, can_read: bool, can_write: bool) -> Value {
    json!({"board_id": board, "can_read": can_read, "can_write": can_write})
}

/// What of a grant does not depend on the moment.
fn grants(member: &Value) -> Vec<Value> {
    let entries = member["board_access"].as_array().expect("a list");
    let grant =
        |entry: &Value| grant(&entry["board_id"], entry["can_read"] == true, entry["can_write"] == true);
    entries.iter().map(grant).collect()
}

/// How many owners an organization has, asked by somebody in it.
async fn owners(app: &TestApp, world: &World) -> usize {
    let organization = world.organization.id;
    let heads = mc_store::members::head_count(app.store().reader(), organization).await.expect("a count");
    usize::try_from(heads.owners).expect("not negative")
}

#[db_test]
async fn members_are_listed_by_address_with_their_boards(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (name, email, shown) in
        [("ann", None, "Zoe"), ("ben", None, "Abe"), ("cleo", Some("B@x.com"), "Cleo")]
    {
        let person = app.add_person(&world.organization, name, Role::Member, NONE).await;
        let user = mc_model::user::User {
            email: email.map(str::to_owned),
            name: Some(shown.to_owned()),
            ..person.user.clone()
        };
        app.seed(async |tx| mc_store::users::update_profile(tx, &user).await).await;
    }
    let page = app.get(&world.reader, MEMBERS).await.ok();
    let items = page["items"].as_array().expect("a list");
    let names: Vec<_> = items.iter().map(|item| item["user"]["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["admin", "Cleo", "local-auth-user", "reader", "writer", "Abe", "Zoe"]);
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(7), &json!(200), &json!(0)));
    assert_eq!(grants(&items[3]), [grant(world.board.id, true, false)]);
    assert_eq!(grants(&items[4]), [grant(world.board.id, true, true)]);
    assert_eq!(grants(&items[0]), Vec::<Value>::new());

    let part = app.get(&world.reader, &format!("{MEMBERS}?limit=2&offset=3")).await.ok();
    assert_eq!(part["items"], json!(items[3..5]));
    assert_eq!(part["total"], json!(7));
    for query in ["limit=0", "limit=201", "offset=-1"] {
        let refused = app.get(&world.reader, &format!("{MEMBERS}?{query}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

#[db_test]
async fn admins_read_any_member_and_others_themselves(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let own = app.get(&world.reader, &path(world.reader.member.id)).await.ok();
    assert_eq!(own, app.get(&world.reader, "/api/v1/organizations/me/member").await.ok());
    assert_eq!(app.get(&world.admin, &path(world.reader.member.id)).await.ok(), own);
    assert_eq!(
        own["user"],
        json!({"id": world.reader.user.id, "email": "reader@example.com", "name": "reader",
        "preferred_name": null})
    );
    for (actor, member, status) in [
        (&world.reader, world.writer.member.id, StatusCode::FORBIDDEN),
        (&world.reader, world.stranger.member.id, StatusCode::NOT_FOUND),
        (&world.admin, world.stranger.member.id, StatusCode::NOT_FOUND),
        (&world.stranger, world.reader.member.id, StatusCode::NOT_FOUND),
    ] {
        let answer = app.get(actor, &path(member)).await;
        assert_eq!(answer.status, status, "{answer}");
    }
    let malformed = app.get(&world.reader, &format!("{MEMBERS}/x")).await;
    assert_eq!(malformed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(malformed.json()["detail"][0]["loc"], json!(["path", "member_id"]));
}

#[db_test]
async fn roles_are_changed_by_the_table(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (ok, forbidden, invalid) = (StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::UNPROCESSABLE_ENTITY);
    for (actor, target, role, status) in [
        (&world.reader, &world.writer, "admin", forbidden),
        (&world.reader, &world.reader, "admin", forbidden),
        (&world.admin, &world.reader, " ADMIN ", ok),
        (&world.admin, &world.reader, "", ok),
        (&world.admin, &world.reader, "boss", invalid),
        (&world.admin, &world.admin, "owner", forbidden),
        (&world.admin, &world.reader, "owner", forbidden),
        (&world.admin, &world.owner, "member", forbidden),
        (&world.admin, &world.owner, "owner", ok),
        (&world.owner, &world.owner, "admin", invalid),
        (&world.owner, &world.admin, "owner", ok),
        (&world.admin, &world.owner, "member", ok),
        (&world.owner, &world.admin, "member", forbidden),
    ] {
        let answer = set_role(&app, actor, target, role).await;
        assert_eq!(answer.status, status, "{} to {role:?}: {answer}", target.user.external_id);
        if status == ok {
            let role = if role.trim().is_empty() { "member".to_owned() } else { role.trim().to_lowercase() };
            assert_eq!(answer.json()["role"], json!(role));
        }
    }
    let last = set_role(&app, &world.admin, &world.admin, "member").await;
    assert_eq!(last.status, invalid);
    assert!(last.json()["detail"].as_str().expect("a sentence").contains("owner"), "{last}");
    assert_eq!(owners(&app, &world).await, 1);

    let rows = recorded(&app, "organization.member.role_changed").await;
    let row = rows.iter().find(|row| row.data["after"] == json!("owner")).expect("the promotion is recorded");
    assert_eq!(row.user_id, Some(world.owner.user.id.0));
    assert_eq!(row.data["user_id"], json!(world.admin.user.id));
    assert_eq!(row.data["before"], json!("admin"));
    assert_eq!(rows.len(), 4, "a role that stays is no change: {rows:?}");
}

#[db_test]
async fn a_change_of_nothing_counts_as_one_and_null_is_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let before = app.get(&world.admin, &path(world.reader.member.id)).await.ok();
    app.clock().advance(std::time::Duration::from_secs(5));
    let after = app.patch(&world.admin, &path(world.reader.member.id), json!({})).await.ok();
    assert_ne!(after["updated_at"], before["updated_at"]);
    assert_eq!((&after["role"], &after["board_access"]), (&before["role"], &before["board_access"]));
    for body in [json!({"role": null}), json!({"role": 1}), json!([]), Value::Null] {
        let refused = app.patch(&world.admin, &path(world.reader.member.id), body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
    }
}

#[db_test]
async fn access_is_replaced_as_a_whole(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let target = access(world.reader.member.id);
    let both = json!({"board_access": [
        {"board_id": world.other_board.id},
        {"board_id": world.board.id, "can_read": false, "can_write": true},
    ]});
    let member = app.put(&world.admin, &target, both).await.ok();
    let stored = grants(&member);
    assert_eq!(stored.len(), 2);
    for wanted in [grant(world.other_board.id, true, false), grant(world.board.id, false, true)] {
        assert!(stored.contains(&wanted), "{member}");
    }
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    assert_eq!(app.get(&world.reader, &tasks).await.status, StatusCode::OK, "write implies read");

    let flag = json!({"all_boards_read": true, "board_access": [{"board_id": world.board.id}]});
    let member = app.put(&world.admin, &target, flag).await.ok();
    assert_eq!(member["all_boards_read"], json!(true));
    assert_eq!(grants(&member), Vec::<Value>::new());

    let member = app.put(&world.admin, &target, json!({})).await.ok();
    assert_eq!((&member["all_boards_read"], &member["all_boards_write"]), (&json!(false), &json!(false)));
    assert_eq!(app.get(&world.reader, &tasks).await.status, StatusCode::FORBIDDEN);

    let rows = recorded(&app, "organization.member.access_changed").await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1].data["after"]["all_boards_read"], json!(true));
    assert_eq!(rows[1].data["before"]["boards"].as_array().map(Vec::len), Some(2));
    assert_eq!(rows[1].data["user_id"], json!(world.reader.user.id));
}

#[db_test]
async fn access_names_boards_of_the_organization_once_each(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let target = access(world.reader.member.id);
    let (own, foreign) = (world.board.id, world.foreign_board.id);
    for body in [
        json!({"board_access": [{"board_id": foreign}]}),
        json!({"all_boards_write": true, "board_access": [{"board_id": foreign}]}),
        json!({"board_access": [{"board_id": "00000000-0000-7000-8000-000000000000"}]}),
    ] {
        let refused = app.put(&world.admin, &target, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        assert!(refused.json()["detail"].is_string(), "{refused}");
    }
    for body in [
        json!({"board_access": [{"board_id": own}, {"board_id": own}]}),
        json!({"board_access": [{}]}),
        json!({"board_access": null}),
        json!({"all_boards_read": null}),
        json!({"board_access": [{"board_id": own, "can_read": null}]}),
    ] {
        let refused = app.put(&world.admin, &target, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        assert!(refused.json()["detail"].is_array(), "{refused}");
    }
    let kept = app.get(&world.admin, &path(world.reader.member.id)).await.ok();
    assert_eq!(grants(&kept), [grant(own, true, false)], "what is refused changes nothing");
    let plain = app.put(&world.reader, &target, json!({})).await;
    assert_eq!(plain.status, StatusCode::FORBIDDEN, "{plain}");
}

#[db_test]
async fn role_and_access_change_together_unless_somebody_was_faster(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let target = path(world.reader.member.id);
    let read = app.get(&world.admin, &target).await.ok();
    app.clock().advance(std::time::Duration::from_secs(1));
    let body = json!({"role": "admin", "all_boards_write": true, "if_updated_at": read["updated_at"]});
    let changed = app.put(&world.admin, &target, body.clone()).await.ok();
    assert_eq!((&changed["role"], &changed["all_boards_write"]), (&json!("admin"), &json!(true)));

    app.clock().advance(std::time::Duration::from_secs(1));
    let stale = app.put(&world.admin, &target, body).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{stale}");
    let refused = app.put(&world.admin, &target, json!({"role": "owner"})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    let nothing = app.put(&world.admin, &target, json!({})).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY, "{nothing}");
    assert_eq!(app.get(&world.admin, &target).await.ok(), changed);
}

#[db_test]
async fn members_are_removed_by_the_table(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let ann = app.add_person(&world.organization, "ann", Role::Owner, NONE).await;
    let (ok, forbidden, missing) = (StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND);
    for (actor, target, status) in [
        (&world.reader, &world.writer, forbidden),
        (&world.reader, &world.reader, forbidden),
        (&world.admin, &world.admin, forbidden),
        (&world.admin, &world.owner, forbidden),
        (&world.admin, &world.stranger, missing),
        (&world.admin, &world.reader, ok),
        (&world.admin, &world.reader, missing),
        (&world.owner, &world.owner, forbidden),
        (&ann, &world.owner, ok),
        (&ann, &ann, forbidden),
    ] {
        let answer = app.delete(actor, &path(target.member.id)).await;
        assert_eq!(answer.status, status, "{}: {answer}", target.user.external_id);
    }
    assert_eq!(owners(&app, &world).await, 1);
    let rows = recorded(&app, "organization.member.removed").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].user_id, Some(world.admin.user.id.0));
    assert_eq!(rows[0].data["user_id"], json!(world.reader.user.id));
    assert_eq!(rows[0].data["role"], json!("member"));
}

#[db_test]
async fn who_is_removed_goes_on_in_the_oldest_other_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    assert_eq!(app.get(&world.writer, &tasks).await.status, StatusCode::OK);
    app.post(&world.writer, "/api/v1/organizations", json!({"name": "Second"})).await.ok();
    app.clock().advance(std::time::Duration::from_secs(1));
    app.post(&world.writer, "/api/v1/organizations", json!({"name": "Third"})).await.ok();
    let acme = json!({"organization_id": world.organization.id});
    app.patch(&world.writer, "/api/v1/organizations/me/active", acme).await.ok();

    app.delete(&world.admin, &path(world.writer.member.id)).await.ok();
    assert_eq!(app.get(&world.writer, "/api/v1/organizations/me").await.ok()["name"], json!("Second"));
    assert_eq!(app.get(&world.writer, &tasks).await.status, StatusCode::FORBIDDEN);

    app.delete(&world.admin, &path(world.reader.member.id)).await.ok();
    let fresh = app.get(&world.reader, "/api/v1/organizations/me").await.ok();
    assert_eq!(fresh["name"], json!("Personal"), "nobody is without an organization");
    let me = app.get(&world.reader, "/api/v1/users/me").await.ok();
    assert_eq!(me["id"], json!(world.reader.user.id), "the account stays");
}

/// Sends all requests at once and gives their statuses.
async fn at_once(
    app: &Arc<TestApp>,
    requests: Vec<(Actor, Method, String, Option<Value>)>,
) -> Vec<StatusCode> {
    let mut running = JoinSet::new();
    for (actor, method, path, body) in requests {
        let app = Arc::clone(app);
        running.spawn(async move { app.call(&actor, method, &path, body).await.status });
    }
    running.join_all().await
}

#[db_test]
async fn two_owners_who_remove_each_other_leave_one(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let ann = app.add_person(&world.organization, "ann", Role::Owner, NONE).await;
    let statuses = at_once(
        &app,
        vec![
            (ann.actor.clone(), Method::DELETE, path(world.owner.member.id), None),
            (world.owner.actor.clone(), Method::DELETE, path(ann.member.id), None),
        ],
    )
    .await;
    assert_eq!(statuses.iter().filter(|status| status.is_success()).count(), 1, "{statuses:?}");
    assert_eq!(owners(&app, &world).await, 1);
}

#[db_test]
async fn the_last_owner_cannot_leave_by_any_way_tried_at_once(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let ann = app.add_person(&world.organization, "ann", Role::Owner, NONE).await;
    let ben = app.add_person(&world.organization, "ben", Role::Owner, NONE).await;
    let cleo = app.add_person(&world.organization, "cleo", Role::Owner, NONE).await;
    let demoted = Some(json!({"role": "member"}));
    let statuses = at_once(
        &app,
        vec![
            (world.owner.actor.clone(), Method::PATCH, path(world.owner.member.id), demoted.clone()),
            (ann.actor.clone(), Method::PUT, path(ann.member.id), demoted),
            (ben.actor.clone(), Method::DELETE, "/api/v1/users/me".to_owned(), None),
            (ben.actor.clone(), Method::DELETE, path(cleo.member.id), None),
            (cleo.actor.clone(), Method::DELETE, path(ben.member.id), None),
            (cleo.actor.clone(), Method::PATCH, path(cleo.member.id), Some(json!({"role": "admin"}))),
        ],
    )
    .await;
    assert!(owners(&app, &world).await >= 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| !status.is_server_error()), "{statuses:?}");
}

#[db_test]
async fn each_way_out_is_closed_for_the_only_owner(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let own = path(world.owner.member.id);
    let demoted = Some(json!({"role": "member"}));
    for (method, path, body, status) in [
        (Method::PATCH, own.clone(), demoted.clone(), StatusCode::UNPROCESSABLE_ENTITY),
        (Method::PUT, own.clone(), demoted, StatusCode::UNPROCESSABLE_ENTITY),
        (Method::DELETE, own, None, StatusCode::FORBIDDEN),
        (Method::DELETE, "/api/v1/users/me".to_owned(), None, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = app.call(&world.owner, method, &path, body).await;
        assert_eq!(answer.status, status, "{answer}");
        assert!(answer.json()["detail"].is_string(), "it says what to do: {answer}");
    }
    assert_eq!(owners(&app, &world).await, 1);
}
