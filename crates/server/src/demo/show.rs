//! What the demo prints: a table that is drawn again in a terminal, else one line for each thing that happens.

use std::collections::{HashMap, VecDeque};
use std::io::Write;

use mc_model::ids::AgentId;
use mc_service::demo::{CleanReport, DemoAgent, DemoSeed};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::play::Summary;
use super::scene::{Entry, Happening, Scene};

/// The most tasks the table shows; together with the rest it fits a terminal of 24 lines.
const ROWS: usize = 12;
/// How many of the latest happenings stand under the table.
const RECENT: usize = 6;
/// The longest title or comment in a line, in characters.
const LONGEST: usize = 90;

/// How things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A table that is drawn again.
    Live,
    /// A line for each thing that happens.
    Lines,
    /// The same as JSON.
    Json,
}

/// Where things are shown.
pub(super) struct Show {
    style: Style,
    out: Box<dyn Write + Send>,
    started: Instant,
    names: HashMap<AgentId, String>,
    heading: String,
    recent: VecDeque<String>,
    /// How many lines the table on the screen has.
    drawn: usize,
    is_deaf: bool,
}

impl Show {
    pub(super) fn new(style: Style, out: Box<dyn Write + Send>) -> Self {
        Self {
            style,
            out,
            started: Instant::now(),
            names: HashMap::new(),
            heading: String::new(),
            recent: VecDeque::new(),
            drawn: 0,
            is_deaf: false,
        }
    }

    /// Whether the table wants to be drawn again.
    pub(super) fn is_live(&self) -> bool {
        self.style == Style::Live
    }

    /// Whether nobody reads any more, as after `mission-control demo | head`.
    pub(super) fn is_deaf(&self) -> bool {
        self.is_deaf
    }

    /// What a reader must know first: who plays where, with what tokens.
    pub(super) fn opening(&mut self, seed: &DemoSeed, server: &str) {
        for (_, agent) in cast(seed) {
            self.names.insert(agent.id, agent.name.clone());
        }
        self.heading = format!("Demo board on {server} \u{2014} Ctrl-C stops");
        match self.style {
            Style::Live | Style::Lines => self.print(&seeded(seed, server, false)),
            Style::Json => {
                let mut line = json!({"seconds": 0.0, "event": "demo.seeded", "server": server});
                if let (Some(line), Ok(Value::Object(seed))) =
                    (line.as_object_mut(), serde_json::to_value(seed))
                {
                    line.extend(seed);
                }
                self.print(&format!("{line}\n"));
            }
        }
    }

    /// Something happened on the board.
    pub(super) fn happened(&mut self, what: &Happening) {
        let by = what.agent.map(|agent| self.name(agent));
        if self.style == Style::Json {
            return self.json(json!({
                "event": what.kind, "agent": by, "agent_id": what.agent, "task_id": what.task, "title": what.title,
                "status": what.status, "assigned_agent_id": what.assignee, "message": what.message,
            }));
        }
        let title = one_line(&what.title);
        let text = match (what.kind.as_str(), what.status.as_deref()) {
            ("task.created", _) => format!("added: {title}"),
            ("approval.pending", _) => format!("approval asked: {title}"),
            ("approval.approved" | "approval.rejected", _) => {
                format!("{}: {title}", what.kind.trim_start_matches("approval."))
            }
            ("task.deleted", _) => format!("removed: {title}"),
            ("task.comment", _) => format!("on \u{201c}{title}\u{201d}: {}", one_line(&what.message)),
            ("task.status_changed", Some(status)) => {
                let to = what.assignee.filter(|to| Some(*to) != what.agent).map(|to| self.name(to));
                let to = to.map(|to| format!(", now with {to}")).unwrap_or_default();
                format!("{}{to}: {title}", shown_status(status))
            }
            _ => format!("changed: {title}"),
        };
        // Who decides is the person whose token the demo has, or somebody beside.
        let person = if what.kind.starts_with("approval.") { "you" } else { "a person" };
        self.tell(by.as_deref().unwrap_or(person), &text);
    }

    /// An agent checked in.
    pub(super) fn checked_in(&mut self, agent: AgentId) {
        let name = self.name(agent);
        if self.style == Style::Json {
            return self.json(json!({"event": "agent.heartbeat", "agent": name, "agent_id": agent}));
        }
        self.tell(&name, "checked in");
    }

    /// Something about the demo itself that stays true: it stays above the table.
    pub(super) fn hint(&mut self, lines: &[String]) {
        match self.style {
            Style::Live => {
                for line in lines {
                    self.heading.push('\n');
                    self.heading.push_str(line);
                }
            }
            Style::Lines | Style::Json => lines.iter().for_each(|line| self.note(line)),
        }
    }

    /// Something about the demo itself.
    pub(super) fn note(&mut self, text: &str) {
        if self.style == Style::Json {
            return self.json(json!({"event": "demo.note", "message": text}));
        }
        self.tell("demo", &clean(text));
    }

    fn json(&mut self, mut line: Value) {
        let seconds = (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        line["seconds"] = seconds.into();
        self.print(&format!("{line}\n"));
    }

    fn tell(&mut self, who: &str, text: &str) {
        let line = format!("{:>7.1}s  {:<18} {text}\n", self.started.elapsed().as_secs_f64(), one_line(who));
        if self.style == Style::Lines {
            return self.print(&line);
        }
        self.recent.push_back(line);
        while self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    fn name(&self, agent: AgentId) -> String {
        self.names.get(&agent).cloned().unwrap_or_else(|| agent.to_string())
    }

    /// Draws the table in the place of the last one.
    pub(super) fn draw(&mut self, scene: &Scene, now: Instant) {
        if self.style != Style::Live {
            return;
        }
        let table = self.table(scene, now);
        // No cursor and no line breaks of the terminal's own while the table is drawn over the last one.
        let back = if self.drawn > 0 { format!("\u{1b}[{}F", self.drawn) } else { String::new() };
        self.drawn = table.lines().count();
        self.print(&format!("\u{1b}[?25l\u{1b}[?7l{back}\u{1b}[J{table}\u{1b}[?7h"));
    }

    fn table(&self, scene: &Scene, now: Instant) -> String {
        let mut rows: Vec<&Entry> = scene.entries().collect();
        // What moved last comes first within a status.
        rows.sort_by_key(|entry| (rank(scene, entry), std::cmp::Reverse((entry.since, entry.task.id))));
        let mut table = format!("{}\n\n{:<12} {:<18} {:>6}  TASK\n", self.heading, "STATUS", "WHO", "SINCE");
        for entry in rows.iter().take(ROWS) {
            let who =
                entry.task.assigned_agent_id.map_or_else(|| "\u{2013}".to_owned(), |who| self.name(who));
            let since = short(now.duration_since(entry.since));
            let (status, title) = (standing(scene, entry), one_line(&entry.task.title));
            table.push_str(&format!("{status:<12} {:<18} {since:>6}  {title}\n", one_line(&who)));
        }
        if rows.len() > ROWS {
            table.push_str(&format!("and {} more\n", rows.len() - ROWS));
        }
        table.push('\n');
        table.extend(self.recent.iter().map(String::as_str));
        table
    }

    /// Gives the terminal back as it was.
    pub(super) fn close(&mut self) {
        if self.style == Style::Live && self.drawn > 0 {
            self.drawn = 0;
            self.print("\u{1b}[?25h\n");
        }
    }

    fn print(&mut self, text: &str) {
        let printed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        self.is_deaf |= printed.is_err();
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.close();
    }
}

fn cast(seed: &DemoSeed) -> impl Iterator<Item = (&'static str, &DemoAgent)> {
    let workers = seed.workers.iter().map(|worker| ("worker", worker));
    std::iter::once(("lead", &seed.lead)).chain(workers).chain([("main", &seed.main)])
}

/// Work in progress first, finished work last.
fn rank(scene: &Scene, entry: &Entry) -> u8 {
    match entry.task.status.as_str() {
        "in_progress" => 0,
        "review" => 1,
        "inbox" if scene.is_blocked(entry) => 3,
        "inbox" => 2,
        _ => 4,
    }
}

/// The status of a task, or what keeps it from the next one.
fn standing(scene: &Scene, entry: &Entry) -> String {
    match (entry.task.status.as_str(), entry.consent()) {
        ("inbox", _) if scene.is_blocked(entry) => "blocked".to_owned(),
        ("review", Some("pending")) => "asks you".to_owned(),
        ("review", Some(decided @ ("approved" | "rejected"))) => decided.to_owned(),
        (status, _) => shown_status(status),
    }
}

fn shown_status(status: &str) -> String {
    one_line(&status.replace('_', " "))
}

fn short(time: std::time::Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3_600),
    }
}

/// Text made safe for a terminal: no control characters.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text from the server, safe for a terminal and not too long.
fn one_line(text: &str) -> String {
    let mut line: String = clean(text).chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('\u{2026}');
    }
    line
}

/// What `--seed-only` prints.
pub(super) fn seeded(seed: &DemoSeed, server: &str, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string_pretty(seed).unwrap_or_default() + "\n";
    }
    let mut text = String::new();
    if seed.replaced > 0 {
        text.push_str("The demo that was here before is gone, and so are its tokens.\n");
    }
    text.push_str(&format!(
        "The demo board has {} tasks. It is the board {} of the organization {}.\n\n",
        seed.tasks.len(),
        seed.board_id,
        seed.organization_id
    ));
    for (role, agent) in cast(seed) {
        text.push_str(&format!("  {role:<7} {:<18} token {}\n", agent.name, agent.token));
    }
    text.push_str(&format!(
        "\nTry a token:  curl {server}/api/v1/agent/healthz -H 'X-Agent-Token: TOKEN'\n\
         Remove it all: mission-control demo --clean\n\n"
    ));
    text
}

/// What `--clean` prints.
pub(super) fn cleaned(report: CleanReport, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string(&report).unwrap_or_default() + "\n";
    }
    match report.removed_organizations {
        0 => "There was no demo data.\n".to_owned(),
        1 => "The demo organization is gone, with everything it owned.\n".to_owned(),
        count => format!("{count} demo organizations are gone, with everything they owned.\n"),
    }
}

/// What is printed at the end of a play.
pub(super) fn ended(summary: &Summary, style: Style) -> String {
    let Summary { took, deeds, accepted, refused } = summary;
    if style == Style::Json {
        let line = json!({"event": "demo.ended", "seconds": took.as_secs_f64(), "actions": deeds,
                          "accepted": accepted, "refused": refused});
        return format!("{line}\n");
    }
    let refused = if *refused > 0 { format!(", {refused} refused") } else { String::new() };
    format!(
        "Stopped after {}: {deeds} actions{refused}, tasks accepted: {accepted}. The board stays until \
         `mission-control demo --clean`.\n",
        short(*took)
    )
}
