//! A whole run, from seeding to the report.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::compare::{self, Contender};
use crate::databases::{self, Postgres};
use crate::flood::{self, Course};
use crate::load::{Bounds, median};
use crate::machine::{self, Machine};
use crate::report::{Figure, Report};
use crate::scenario::{SCENARIOS, Side};
use crate::server::Programs;
use crate::streams::{self, mebibytes};
use crate::world::{self, FEW_AGENTS, MANY_AGENTS, Size, World};
use crate::{Options, Outcome};

const WARM_UP: Duration = Duration::from_millis(300);
/// The most requests of one connection in one turn.
const REQUESTS: usize = 20_000;
/// How often the start is timed.
const STARTS: usize = 5;
/// How long a server is left alone before its idle memory is read.
const REST: Duration = Duration::from_secs(2);
/// Open files a process needs beside its streams.
const OTHER_FILES: usize = 200;
/// The variable that names a PostgreSQL, as in the tests.
const POSTGRES_VARIABLE: &str = "TEST_DATABASE_URL";
const STREAMS: &str = "streams";
const NODES: &str = "nodes";
const LOAD: &str = "load";
const START: &str = "start";
/// Open streams on the node where nothing is changed.
const STREAMS_OF_OTHER_NODE: usize = 10;

/// Runs what `options` ask for and reports it.
pub async fn run(options: &Options) -> Outcome<()> {
    check_keys(&options.only)?;
    let folder = databases::folder()?;
    let machine = Machine::describe(folder.path())?;
    say(&machine.line());
    let mut report = Report {
        command: command(),
        machine,
        version: env!("CARGO_PKG_VERSION"),
        rounds: usize::from(options.rounds),
        seconds: options.seconds,
        large: options.large,
        rows: Vec::new(),
        fanout: Vec::new(),
        floods: Vec::new(),
        figures: Vec::new(),
        skipped: Vec::new(),
    };
    let server = options.postgres.clone().or_else(|| std::env::var(POSTGRES_VARIABLE).ok());
    let postgres = match server {
        Some(url) => Some(Postgres::create(&url).await?),
        None => {
            report.skipped.push(format!("PostgreSQL, because {POSTGRES_VARIABLE} names none."));
            None
        }
    };
    let result = measure(options, &folder, postgres.as_ref(), &mut report).await;
    if let Some(postgres) = postgres {
        postgres.drop().await?;
    }
    result?;
    publish(options, &report)
}

async fn measure(
    options: &Options,
    folder: &TempDir,
    postgres: Option<&Postgres>,
    report: &mut Report,
) -> Outcome<()> {
    let stage = Stage::set(options, folder.path(), postgres).await?;
    if is_wanted(options, START) {
        stage.time_starts(report).await?;
    }
    let contenders = stage.start_all().await?;
    check_floor(&contenders).await?;
    let bounds = Bounds {
        warm_up: WARM_UP,
        duration: Duration::try_from_secs_f64(options.seconds)?,
        requests: REQUESTS,
    };
    for scenario in SCENARIOS.iter().filter(|scenario| is_wanted(options, scenario.key)) {
        say(scenario.title);
        let rows = compare::run(scenario, &contenders, report.rounds, bounds).await?;
        for row in &rows {
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!(", ratio {:.2}", ratio.median));
            say(&format!("  {}: {:.0} answers/s{ratio}", row.side, row.per_second));
        }
        report.rows.extend(rows);
    }
    if is_wanted(options, "create") {
        stage.check_rows()?;
    }
    if is_wanted(options, STREAMS) {
        follow(options, &contenders, report).await?;
    }
    if is_wanted(options, NODES) {
        stage.follow_other_node(options, &contenders, report).await?;
    }
    if is_wanted(options, LOAD) {
        follow_under_load(options, &contenders, report).await?;
    }
    Ok(())
}

/// The databases, before anybody serves them.
struct Stage<'a> {
    programs: Programs,
    folder: &'a Path,
    few: World,
    crowd: Option<World>,
    postgres: Option<(&'a Postgres, World)>,
}

impl<'a> Stage<'a> {
    async fn set(options: &Options, folder: &'a Path, postgres: Option<&'a Postgres>) -> Outcome<Self> {
        let programs = Programs::find()?;
        say(&format!("seeding {} tasks and {FEW_AGENTS} agents on SQLite", options.large + world::TASKS));
        let seed = folder.join("seed.db");
        let size = Size { agents: FEW_AGENTS, large: options.large };
        let few = world::seed(&databases::sqlite_url(&seed), size).await?;
        for side in [Side::Floor, Side::Sqlite] {
            databases::copy(&seed, &home(folder, side))?;
        }
        let small = Size { agents: FEW_AGENTS, large: 0 };
        let postgres = match postgres {
            Some(postgres) => {
                say("seeding PostgreSQL");
                let world = world::seed(&postgres.url, small).await?;
                postgres.analyze().await?;
                for side in [Side::Postgres, Side::OtherNode] {
                    std::fs::create_dir(home(folder, side))?;
                }
                Some((postgres, world))
            }
            None => None,
        };
        let crowd = match is_wanted(options, "agents") {
            true => {
                say(&format!("seeding {MANY_AGENTS} agents on SQLite"));
                let seed = folder.join("crowd.db");
                let many = Size { agents: MANY_AGENTS, large: 0 };
                let world = world::seed(&databases::sqlite_url(&seed), many).await?;
                databases::copy(&seed, &home(folder, Side::Crowded))?;
                Some(world)
            }
            false => None,
        };
        Ok(Self { programs, folder, few, crowd, postgres })
    }

    async fn start_all(&self) -> Outcome<Vec<Contender>> {
        let floor = self.programs.floor(&self.file(Side::Floor)).await?;
        let mut contenders = vec![
            Contender { side: Side::Floor, server: floor, world: self.few.clone() },
            self.start(Side::Sqlite, &self.few).await?,
        ];
        if let Some(world) = &self.crowd {
            contenders.push(self.start(Side::Crowded, world).await?);
        }
        if let Some((_, world)) = &self.postgres {
            contenders.push(self.start(Side::Postgres, world).await?);
        }
        Ok(contenders)
    }

    async fn start(&self, side: Side, world: &World) -> Outcome<Contender> {
        let url = match (&self.postgres, side) {
            (Some((postgres, _)), Side::Postgres | Side::OtherNode) => postgres.url.clone(),
            _ => databases::sqlite_url(&self.file(side)),
        };
        let server = self.programs.product(&url, &home(self.folder, side)).await?;
        Ok(Contender { side, server, world: world.clone() })
    }

    fn file(&self, side: Side) -> std::path::PathBuf {
        home(self.folder, side).join("mission-control.db")
    }

    /// Cold start and idle memory, on the database with the large board.
    async fn time_starts(&self, report: &mut Report) -> Outcome<()> {
        let mut times = Vec::new();
        let mut memory = None;
        for _ in 0..STARTS {
            let contender = self.start(Side::Sqlite, &self.few).await?;
            times.push(contender.server.ready_after.as_secs_f64() * 1e3);
            if times.len() == STARTS {
                tokio::time::sleep(REST).await;
                memory = contender.server.resident();
            }
        }
        if let Some(value) = median(times) {
            let title = "start on an existing SQLite database until /readyz says 200".to_owned();
            report.figures.push(Figure { title, value, unit: "ms", limit: Some(500.0) });
        }
        if let Some(bytes) = memory {
            let title = "resident memory of an idle server".to_owned();
            report.figures.push(Figure { title, value: mebibytes(bytes), unit: "MiB", limit: Some(60.0) });
        }
        Ok(())
    }

    /// Changes on one node, streams on another one.
    async fn follow_other_node(
        &self,
        options: &Options,
        contenders: &[Contender],
        report: &mut Report,
    ) -> Outcome<()> {
        let Some(one) = contenders.iter().find(|contender| contender.side == Side::Postgres) else {
            return Ok(());
        };
        say(&format!("{STREAMS_OF_OTHER_NODE} streams on another node, {} changes", options.changes));
        let other = self.start(Side::OtherNode, &one.world).await?;
        let editing = one.server.address;
        let fanout = streams::run(&other, editing, STREAMS_OF_OTHER_NODE, options.changes).await?;
        let title = "change on one node to a stream on another one, p99, PostgreSQL".to_owned();
        let value = fanout.client_p99_ms;
        say(&format!("  to a client: p50 {:.1} ms, p99 {value:.1} ms", fanout.client_p50_ms));
        report.figures.push(Figure { title, value, unit: "ms", limit: Some(200.0) });
        report.fanout.push(fanout);
        Ok(())
    }

    /// Each creation made the same rows on both sides.
    fn check_rows(&self) -> Outcome<()> {
        for side in [Side::Floor, Side::Sqlite] {
            let rows = |table| databases::rows_of(&self.file(side), table, self.few.empty.0);
            let (tasks, activities, events) = (rows("tasks")?, rows("activity_events")?, rows("events")?);
            if tasks == 0 || activities != tasks || events != tasks {
                let side = side.name();
                return Err(format!("{side}: {tasks} tasks, {activities} activities, {events} events").into());
            }
        }
        Ok(())
    }
}

fn home(folder: &Path, side: Side) -> std::path::PathBuf {
    folder.join(format!("{side:?}"))
}

async fn check_floor(contenders: &[Contender]) -> Outcome<()> {
    let find = |side| contenders.iter().find(|contender| contender.side == side);
    match (find(Side::Floor), find(Side::Sqlite)) {
        (Some(floor), Some(product)) => compare::check_same_answer(floor, product).await,
        _ => Err("a side did not start".into()),
    }
}

async fn follow(options: &Options, contenders: &[Contender], report: &mut Report) -> Outcome<()> {
    let allowed = allowed_streams();
    for side in [Side::Sqlite, Side::Postgres] {
        let Some(contender) = contenders.iter().find(|contender| contender.side == side) else { continue };
        if options.streams > allowed {
            report.skipped.push(too_few_files(options.streams));
            continue;
        }
        say(&format!("{} streams, {} changes, {}", options.streams, options.changes, side.name()));
        let fanout =
            streams::run(contender, contender.server.address, options.streams, options.changes).await?;
        say(&format!(
            "  to the last client: p50 {:.1} ms, p99 {:.1} ms",
            fanout.last_p50_ms, fanout.last_p99_ms
        ));
        let title = format!("change to client, p99 over {} streams, {}", fanout.streams, side.name());
        let value = fanout.client_p99_ms;
        report.figures.push(Figure { title, value, unit: "ms", limit: Some(100.0) });
        report.fanout.push(fanout);
    }
    let Some(contender) = contenders.iter().find(|contender| contender.side == Side::Sqlite) else {
        return Ok(());
    };
    if options.silent_streams > allowed {
        report.skipped.push(too_few_files(options.silent_streams));
        return Ok(());
    }
    say(&format!("{} silent streams", options.silent_streams));
    if let Some(value) = streams::memory(contender, options.silent_streams).await? {
        let title = format!("resident memory with {} open streams", options.silent_streams);
        report.figures.push(Figure { title, value, unit: "MiB", limit: Some(500.0) });
    }
    Ok(())
}

async fn follow_under_load(options: &Options, contenders: &[Contender], report: &mut Report) -> Outcome<()> {
    if options.load_streams > allowed_streams() {
        report.skipped.push(too_few_files(options.load_streams));
        return Ok(());
    }
    if !(options.load_rate > 0.0 && options.load_seconds > 0.0) {
        return Err("--load-rate and --load-seconds must be above zero".into());
    }
    let course = Course {
        streams: options.load_streams,
        rate: options.load_rate,
        duration: Duration::try_from_secs_f64(options.load_seconds)?,
    };
    for side in [Side::Sqlite, Side::Postgres] {
        let Some(contender) = contenders.iter().find(|contender| contender.side == side) else { continue };
        say(&format!("{} streams, {} changes a second, {}", course.streams, course.rate, side.name()));
        let flood = flood::run(contender, course).await?;
        say(&format!(
            "  {:.1} changes a second; to a client: p50 {:.1} ms, p99 {:.1} ms",
            flood.kept_per_second, flood.client.p50, flood.client.p99
        ));
        report.floods.push(flood);
    }
    Ok(())
}

/// How many streams this process may open.
fn allowed_streams() -> usize {
    machine::open_files().map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES))
}

fn too_few_files(streams: usize) -> String {
    format!("{streams} streams, because this process may not open as many files (`ulimit -n`).")
}

fn check_keys(keys: &[String]) -> Outcome<()> {
    let known: Vec<_> =
        SCENARIOS.iter().map(|scenario| scenario.key).chain([STREAMS, NODES, LOAD, START]).collect();
    match keys.iter().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("there is no comparison {key}; there are {}", known.join(", ")).into()),
        None => Ok(()),
    }
}

fn is_wanted(options: &Options, key: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|wanted| wanted == key)
}

fn publish(options: &Options, report: &Report) -> Outcome<()> {
    println!("\n{}", report.markdown());
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(report)?;
        match file.as_os_str() == "-" {
            true => println!("{text}"),
            false => std::fs::write(file, text + "\n")?,
        }
    }
    match &options.write {
        Some(page) => report.write_into(page),
        None => Ok(()),
    }
}

/// How this run was asked for, without what belongs to this machine: places of files and addresses.
fn command() -> String {
    const PLACES: [&str; 3] = ["--write", "--json", "--postgres"];
    let mut shown = vec!["mc-bench".to_owned()];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if PLACES.contains(&argument.as_str()) {
            arguments.next();
        } else if !PLACES.iter().any(|place| argument.starts_with(&format!("{place}="))) {
            shown.push(argument);
        }
    }
    shown.join(" ")
}

fn say(line: &str) {
    eprintln!("bench: {line}");
}
