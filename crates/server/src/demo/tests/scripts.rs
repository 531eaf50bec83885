//! What the agents choose to do, without a server.

use mc_model::ids::{AgentId, BoardId, GatewayId, OrganizationId, TaskId};
use mc_service::demo::{DemoAgent, DemoSeed};
use serde_json::json;
use tokio::time::Instant;

use super::super::play::Cast;
use super::super::scene::{Scene, SeenTask};
use super::super::script::{Act, next};

fn agent(name: &str) -> DemoAgent {
    DemoAgent { id: AgentId::generate(), name: name.into(), token: "t".into() }
}

/// A cast that has just checked in.
fn cast() -> Cast {
    let seed = DemoSeed {
        organization_id: OrganizationId::generate(),
        gateway_id: GatewayId::generate(),
        board_id: BoardId::generate(),
        lead: agent("lead"),
        workers: vec![agent("one"), agent("two")],
        main: agent("main"),
        tasks: Vec::new(),
        replaced: 0,
    };
    let mut cast = Cast::new(&seed);
    for id in [seed.lead.id, seed.workers[0].id, seed.workers[1].id, seed.main.id] {
        cast.check_in(id, 0);
    }
    cast
}

fn put(scene: &mut Scene, status: &str, assignee: Option<AgentId>) -> TaskId {
    let id = TaskId::generate();
    let page =
        json!({"id": id, "title": "t", "status": status, "assigned_agent_id": assignee, "updated_at": "1"});
    scene.see(serde_json::from_value::<SeenTask>(page).expect("a task"), Instant::now());
    id
}

#[test]
fn each_agent_checks_in_before_anything_else() {
    let mut cast = cast();
    let mut fresh = Vec::new();
    let scene = Scene::default();
    for turn in 200..204 {
        let deed = next(&scene, &cast, turn);
        assert_eq!(deed.act, Act::CheckIn);
        cast.check_in(deed.agent, turn);
        fresh.push(deed.agent);
    }
    fresh.sort();
    fresh.dedup();
    assert_eq!(fresh.len(), 4);
    assert!(matches!(next(&scene, &cast, 204).act, Act::Add { .. }), "an empty board gets work");
}

#[test]
fn tasks_of_others_are_left_alone() {
    let (cast, mut scene) = (cast(), Scene::default());
    let main = cast.agents().last().expect("the main agent").id;
    for _ in 0..2 {
        put(&mut scene, "inbox", Some(main));
        put(&mut scene, "in_progress", None);
        put(&mut scene, "in_progress", Some(AgentId::generate()));
    }
    assert_eq!(next(&scene, &cast, 1).act, Act::CheckIn);
}

#[test]
fn a_worker_takes_one_task_at_a_time() {
    let (cast, mut scene) = (cast(), Scene::default());
    let busy: Vec<AgentId> = cast.workers().map(|worker| worker.id).collect();
    for _ in 0..4 {
        put(&mut scene, "inbox", None);
    }
    let deed = next(&scene, &cast, 1);
    assert!(matches!(deed.act, Act::Take { .. }) && busy.contains(&deed.agent), "{deed:?}");
    let deed = next(&scene, &cast, 2);
    assert!(matches!(deed.act, Act::Delegate { .. }) && deed.agent == cast.lead().id, "{deed:?}");
    for worker in &busy {
        put(&mut scene, "in_progress", Some(*worker));
    }
    for turn in 1..10 {
        let act = next(&scene, &cast, turn).act;
        assert!(matches!(act, Act::Report { .. }), "nobody is free: {act:?}");
    }
}

#[test]
fn old_finished_tasks_are_removed_so_that_the_board_stays_small() {
    let (cast, mut scene) = (cast(), Scene::default());
    let oldest = put(&mut scene, "done", None);
    for _ in 0..8 {
        put(&mut scene, "done", None);
    }
    for _ in 0..4 {
        put(&mut scene, "inbox", None);
    }
    assert_eq!(next(&scene, &cast, 1).act, Act::Remove { task: oldest });
}
