//! What the agents choose to do, without a server.

use mc_model::ids::{AgentId, ApprovalId, BoardId, GatewayId, OrganizationId, TaskId};
use mc_service::demo::{DemoAgent, DemoSeed};
use serde_json::json;
use tokio::time::Instant;

use super::super::play::Cast;
use super::super::scene::{Judgement, Scene, SeenTask};
use super::super::script::{Act, Deed, next};

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
    put_after(scene, status, assignee, &[])
}

fn put_after(scene: &mut Scene, status: &str, assignee: Option<AgentId>, after: &[TaskId]) -> TaskId {
    let id = TaskId::generate();
    let page = json!({"id": id, "title": "t", "status": status, "assigned_agent_id": assignee,
                      "depends_on_task_ids": after, "updated_at": "1"});
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
        let agent = deed.agent.expect("an agent");
        cast.check_in(agent, turn);
        fresh.push(agent);
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
    assert!(
        matches!(deed.act, Act::Take { .. }) && deed.agent.is_some_and(|agent| busy.contains(&agent)),
        "{deed:?}"
    );
    let deed = next(&scene, &cast, 2);
    assert!(matches!(deed.act, Act::Delegate { .. }) && deed.agent == Some(cast.lead().id), "{deed:?}");
    for worker in &busy {
        put(&mut scene, "in_progress", Some(*worker));
    }
    for turn in 1..10 {
        let act = next(&scene, &cast, turn).act;
        assert!(matches!(act, Act::Report { .. }), "nobody is free: {act:?}");
    }
}

#[test]
fn a_blocked_task_is_not_taken_until_it_is_free() {
    let (cast, mut scene) = (cast(), Scene::default());
    let main = cast.agents().last().expect("the main agent").id;
    let others = put(&mut scene, "in_progress", Some(main));
    let blocked: Vec<TaskId> = (0..4).map(|_| put_after(&mut scene, "inbox", None, &[others])).collect();
    for turn in 1..5 {
        assert_eq!(next(&scene, &cast, turn).act, Act::CheckIn, "all wait for somebody else");
    }
    scene.forget(others);
    let taken = next(&scene, &cast, 1).act.task().expect("a task");
    assert!(blocked.contains(&taken));
}

#[test]
fn at_most_one_new_task_waits_for_another_one() {
    let (cast, mut scene) = (cast(), Scene::default());
    let open = put(&mut scene, "inbox", None);
    let after = |scene: &Scene, turn| match next(scene, &cast, turn).act {
        Act::Add { after, .. } => after,
        other => panic!("work is added first: {other:?}"),
    };
    assert_eq!((after(&scene, 1), after(&scene, 2)), (None, Some(open)));
    put_after(&mut scene, "inbox", None, &[open]);
    assert_eq!((after(&scene, 3), after(&scene, 4)), (None, None));
}

/// Three tasks of somebody else: the board has enough to do.
fn occupy(scene: &mut Scene, somebody: AgentId) {
    for _ in 0..3 {
        put(scene, "in_progress", Some(somebody));
    }
}

/// Puts a task in review that the lead has no more wishes for.
fn put_reviewed(scene: &mut Scene) -> TaskId {
    let task = put(scene, "review", None);
    scene.entry_mut(task).expect("it was put").judgement = Judgement::SentBack;
    task
}

fn answer(scene: &mut Scene, task: TaskId, approval: ApprovalId, asker: AgentId, status: &str) {
    let resolved_at = (status != "pending").then_some("2");
    let data = json!({"approval": {"id": approval, "status": status, "agent_id": asker, "task_ids": [task],
                                   "created_at": "1", "resolved_at": resolved_at}});
    scene.see_event(&data, Instant::now()).expect("an approval");
}

#[test]
fn the_lead_accepts_what_a_person_agreed_to_and_reworks_what_not() {
    let (cast, mut scene) = (cast(), Scene::default());
    let main = cast.agents().last().expect("the main agent").id;
    occupy(&mut scene, main);
    let (task, approval, lead) = (put_reviewed(&mut scene), ApprovalId::generate(), cast.lead().id);

    let asks = next(&scene, &cast, 1);
    assert_eq!(asks, Deed { agent: Some(lead), act: Act::AskApproval { task } });
    asks.done(2, &mut scene);
    answer(&mut scene, task, approval, lead, "pending");
    for turn in 2..6 {
        assert_eq!(next(&scene, &cast, turn).act, Act::CheckIn, "the question stays to be seen");
    }
    assert_eq!(next(&scene, &cast, 6), Deed { agent: None, act: Act::Approve { task, approval } });

    answer(&mut scene, task, approval, lead, "approved");
    assert_eq!(next(&scene, &cast, 7), Deed { agent: Some(lead), act: Act::Accept { task } });
    answer(&mut scene, task, approval, lead, "rejected");
    let reworks = next(&scene, &cast, 8);
    assert_eq!(reworks, Deed { agent: Some(lead), act: Act::SendBack { task } });
    reworks.done(9, &mut scene);
    assert_eq!(next(&scene, &cast, 9).act, Act::AskApproval { task }, "after the rework");
}

#[test]
fn the_demo_does_not_answer_questions_of_others() {
    let (cast, mut scene) = (cast(), Scene::default());
    let main = cast.agents().last().expect("the main agent").id;
    occupy(&mut scene, main);
    let task = put_reviewed(&mut scene);
    answer(&mut scene, task, ApprovalId::generate(), main, "pending");
    assert_eq!(next(&scene, &cast, 100).act, Act::CheckIn);
}

#[test]
fn workers_address_the_lead_and_the_lead_the_worker_by_name() {
    let (cast, mut scene) = (cast(), Scene::default());
    let main = cast.agents().last().expect("the main agent").id;
    occupy(&mut scene, main);
    let worker = cast.workers().next().expect("a worker").id;
    let task = put(&mut scene, "in_progress", Some(worker));
    let mut said = Vec::new();
    for turn in 1..6 {
        let deed = next(&scene, &cast, turn);
        match &deed.act {
            Act::Report { text, .. } => said.push(*text),
            Act::HandOver { text, .. } => {
                said.push(*text);
                deed.done(turn, &mut scene);
                break;
            }
            other => panic!("the worker works: {other:?}"),
        }
        deed.done(turn, &mut scene);
    }
    assert!(
        said.len() >= 2 && said[said.len() - 2..].iter().all(|text| text.starts_with("@lead ")),
        "{said:?}"
    );
    assert_eq!(scene.entry_mut(task).expect("it was put").worker, Some(worker));

    // A third of all tasks is sent back once.
    let wish = (0..1_000).find_map(|_| {
        let mut scene = Scene::default();
        occupy(&mut scene, main);
        let task = put(&mut scene, "review", None);
        scene.entry_mut(task).expect("it was put").worker = Some(worker);
        match next(&scene, &cast, 1).act {
            Act::Ask { text, .. } => Some(text),
            _ => None,
        }
    });
    let wish = wish.expect("one of a thousand");
    assert!(wish.starts_with("@one "), "{wish}");
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
