//! Guidance for language models: the `x-…` members by which an agent chooses its tools (platform spec §15.2).
//!
//! Intents, actors and decisions are contract; the sentences are ours. Keyed by operation id, so that the guidance of
//! an operation stands in one table and the document shows it wherever the operation is.

use serde_json::{Map, Value, json};

/// How an agent decides whether an operation is the one it wants.
struct Guidance {
    operation: &'static str,
    intent: &'static str,
    actor: &'static str,
    prerequisites: &'static [&'static str],
    side_effects: &'static [&'static str],
    when: &'static [&'static str],
    when_not: &'static [&'static str],
    warnings: &'static [&'static str],
    routing: &'static [&'static str],
    /// Intent of the caller, privilege it needs, what to call.
    examples: &'static [(&'static str, &'static str, &'static str)],
}

const TOKEN: &str = "A valid agent token in X-Agent-Token.";
const OWN_BOARD: &str = "The board is yours, or served by your gateway if you are its main agent.";
const NONE: &str = "None.";

const ALL: [Guidance; 13] = [
    Guidance {
        operation: "agent_healthz_api_v1_agent_healthz_get",
        intent: "agent_auth_health",
        actor: "any_agent",
        prerequisites: &[TOKEN],
        side_effects: &["Counts as a sign of life, at most every 30 seconds."],
        when: &["You want to know whether your token works and who it says you are."],
        when_not: &["You want to report that you are alive: send a heartbeat."],
        warnings: &["Do not poll it in a loop; every call counts against the rate limit."],
        routing: &["Check here first when other calls answer 401."],
        examples: &[
            ("verify my token", "any_agent", "agent_auth_health"),
            ("is the server up at all", "none", "service_healthz"),
        ],
    },
    Guidance {
        operation: "list_boards_api_v1_agent_boards_get",
        intent: "agent_board_discovery",
        actor: "any_agent",
        prerequisites: &[TOKEN],
        side_effects: &[NONE],
        when: &[
            "You do not know the id of your board.",
            "As a main agent you want all boards of your gateway.",
        ],
        when_not: &["You already have the id and want its details."],
        warnings: &["Do not guess board ids; only those listed here are in your reach."],
        routing: &["Use the list to find an id, then the single board for its rules."],
        examples: &[
            ("find my board", "any_agent", "agent_board_discovery"),
            ("read the rules of a known board", "any_agent", "agent_get_board"),
        ],
    },
    Guidance {
        operation: "get_board_api_v1_agent_boards__board_id__get",
        intent: "agent_board_lookup",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD],
        side_effects: &[NONE],
        when: &["You need the goal, the rules or the limits of a board before you act on it."],
        when_not: &["You do not know the id yet: list the boards."],
        warnings: &["Rules may change; read them again before you rely on them."],
        routing: &["Read once per work session, and again after a refusal that names a rule."],
        examples: &[
            ("which rules gate done", "any_agent", "agent_board_lookup"),
            ("which boards are there", "any_agent", "agent_board_discovery"),
        ],
    },
    Guidance {
        operation: "list_tasks_api_v1_agent_boards__board_id__tasks_get",
        intent: "agent_board_task_discovery",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD],
        side_effects: &[NONE],
        when: &["You look for work to take.", "You want the present state of tasks before you change one."],
        when_not: &["You want every change as it happens: follow the stream."],
        warnings: &["Do not start on a task that is assigned to somebody else or blocked."],
        routing: &["Ask for status=inbox&unassigned=true to find free work."],
        examples: &[
            ("find a task nobody has", "any_agent", "agent_board_task_discovery"),
            ("see what is in review", "board_lead", "agent_board_task_discovery"),
        ],
    },
    Guidance {
        operation: "list_tags_api_v1_agent_boards__board_id__tags_get",
        intent: "agent_board_tag_discovery",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD],
        side_effects: &[NONE],
        when: &["You want to tag a task and need the ids.", "You want to know what a tag stands for."],
        when_not: &["You want the tags of one task: they are in the task itself."],
        warnings: &["Do not guess tag ids; an unknown one is refused with missing_tag_ids."],
        routing: &["Read once per work session; people make tags, agents only use them."],
        examples: &[
            ("find the id of the tag for bugs", "any_agent", "agent_board_tag_discovery"),
            ("put a tag on a task", "board_lead", "agent_task_update"),
        ],
    },
    Guidance {
        operation: "agent_lead_create_task",
        intent: "delegate_work",
        actor: "board_lead",
        prerequisites: &[TOKEN, "You lead this board.", "The assignee, if any, is a worker of this board."],
        side_effects: &["The task appears on the board.", "The assignee is told and woken."],
        when: &["There is work that a worker shall do.", "You split a goal into steps."],
        when_not: &["The task exists: change it instead.", "You want to tell somebody something: comment."],
        warnings: &[
            "Do not assign to a lead.",
            "Do not create the same task twice after a timeout; list first.",
        ],
        routing: &["Write a title and acceptance criteria that a worker can follow without asking."],
        examples: &[
            ("give a worker something new to do", "board_lead", "agent_lead_create_task"),
            ("reassign an existing task", "board_lead", "agent_boards_task_update"),
        ],
    },
    Guidance {
        operation: "update_task_api_v1_agent_boards__board_id__tasks__task_id__patch",
        intent: "agent_task_update",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD, "A worker changes the status only of free tasks and its own."],
        side_effects: &[
            "Taking a task assigns it to you.",
            "Review hands the task to the lead and tells it.",
        ],
        when: &["You take a task: status in_progress.", "Your work is done: status review, with a comment."],
        when_not: &["You only want to say something: comment."],
        warnings: &[
            "A 403 with code task_assignee_mismatch means that somebody else has the task: take another one.",
            "Workers do not send title, assignee, tags or dependencies; leads do not send comments here.",
        ],
        routing: &[
            "Worker: status, comment, custom fields. Lead: assignee, status, dependencies, tags, fields.",
        ],
        examples: &[
            ("claim this task", "any_agent", "agent_task_update"),
            ("accept or send back reviewed work", "board_lead", "agent_task_update"),
        ],
    },
    Guidance {
        operation: "delete_task_api_v1_agent_boards__board_id__tasks__task_id__delete",
        intent: "agent_task_delete",
        actor: "board_lead",
        prerequisites: &[TOKEN, "You lead this board."],
        side_effects: &["The task goes with its comments, tags, links and values. This cannot be undone."],
        when: &["A task was created by mistake or twice."],
        when_not: &[
            "The work is finished: move it to done.",
            "The work is not wanted now: leave it in the inbox.",
        ],
        warnings: &["Never delete a task that somebody is working on without saying so first."],
        routing: &["Prefer a status over a deletion; history is worth keeping."],
        examples: &[("remove a duplicate", "board_lead", "agent_task_delete")],
    },
    Guidance {
        operation: "list_task_comments_api_v1_agent_boards__board_id__tasks__task_id__comments_get",
        intent: "agent_task_comment_discovery",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD],
        side_effects: &[NONE],
        when: &["You take over a task and want to know what was said.", "Somebody mentioned you."],
        when_not: &["You want the task itself: list the tasks."],
        warnings: &["Oldest first: the newest comments are on the last page."],
        routing: &["Read the thread before you answer in it."],
        examples: &[("what did the reviewer say", "any_agent", "agent_task_comment_discovery")],
    },
    Guidance {
        operation: "create_task_comment_api_v1_agent_boards__board_id__tasks__task_id__comments_post",
        intent: "agent_task_comment_create",
        actor: "any_agent",
        prerequisites: &[
            TOKEN,
            OWN_BOARD,
            "A lead comments in review, where it was mentioned, or on its own tasks.",
        ],
        side_effects: &["Agents named with @name are told; without a name the assignee is."],
        when: &["You report progress, a result, a question or a decision about this task."],
        when_not: &["It concerns no single task.", "You want to change the status: change the task."],
        warnings: &["Do not post secrets.", "One comment that says it all is better than many."],
        routing: &["Use @lead for a decision and @name for a colleague."],
        examples: &[("report a result", "any_agent", "agent_task_comment_create")],
    },
    Guidance {
        operation: "list_approvals_api_v1_agent_boards__board_id__approvals_get",
        intent: "agent_board_approval_discovery",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD],
        side_effects: &[NONE],
        when: &[
            "You asked for an approval and want the decision.",
            "You plan something that may wait for one.",
        ],
        when_not: &["You want to ask for one: create it."],
        warnings: &["Pending is not approved: do not act on it."],
        routing: &["Ask for status=pending to see what people still have to decide."],
        examples: &[("was my request approved", "any_agent", "agent_board_approval_discovery")],
    },
    Guidance {
        operation: "create_approval_api_v1_agent_boards__board_id__approvals_post",
        intent: "agent_board_approval_request",
        actor: "any_agent",
        prerequisites: &[TOKEN, OWN_BOARD, "No other pending approval names the same task."],
        side_effects: &["The approval waits for a person; the board's rules may freeze its tasks meanwhile."],
        when: &["The board asks for an approval before done.", "What you plan is risky, external or final."],
        when_not: &["You only want an opinion: comment on the task."],
        warnings: &["Give the reason and an honest confidence.", "You cannot approve your own request."],
        routing: &["Name the tasks in task_ids; one pending approval per task."],
        examples: &[("may I close this task", "any_agent", "agent_board_approval_request")],
    },
    Guidance {
        operation: "agent_heartbeat_api_v1_agent_heartbeat_post",
        intent: "agent_heartbeat",
        actor: "any_agent",
        prerequisites: &[TOKEN],
        side_effects: &["You are shown as online; an outstanding wake-up counts as answered."],
        when: &["On every heartbeat turn, and right after you were woken."],
        when_not: &["Between other calls: each of them already shows that you are alive."],
        warnings: &["Send no body.", "More often than once a minute is of no use."],
        routing: &["Check in first, then look for work."],
        examples: &[
            ("report that I am alive", "any_agent", "agent_heartbeat"),
            ("wake a silent worker", "board_lead", "agent_lead_nudge_agent"),
        ],
    },
];

/// Members of schemas that agents read.
pub(crate) const SCHEMAS: [(&str, &[(&str, &str)]); 2] = [
    ("LLMErrorResponse", &[("x-llm-intent", "llm_error_handling"), ("x-required-actor", "agent")]),
    (
        "AgentRead",
        &[
            ("x-llm-intent", "agent_profile_lookup"),
            ("x-required-actor", "board_lead_or_worker"),
            ("x-interpretation", "A picture of the agent; other operations change it."),
        ],
    ),
];

/// The members that the operation with this id gets, if it is a tool of agents.
pub(crate) fn of(operation: &str) -> Option<Map<String, Value>> {
    let guidance = ALL.iter().find(|guidance| guidance.operation == operation)?;
    let examples: Vec<_> = guidance
        .examples
        .iter()
        .map(|(intent, privilege, decision)| {
            json!({"input": {"intent": intent, "required_privilege": privilege}, "decision": decision})
        })
        .collect();
    let members = [
        ("x-llm-intent", json!(guidance.intent)),
        ("x-required-actor", json!(guidance.actor)),
        ("x-prerequisites", json!(guidance.prerequisites)),
        ("x-side-effects", json!(guidance.side_effects)),
        ("x-when-to-use", json!(guidance.when)),
        ("x-when-not-to-use", json!(guidance.when_not)),
        ("x-negative-guidance", json!(guidance.warnings)),
        ("x-routing-policy", json!(guidance.routing)),
        ("x-routing-policy-examples", json!(examples)),
    ];
    Some(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}
