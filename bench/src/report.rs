//! The results: a table for people, JSON for programs, a part of docs/performance.md.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use crate::Outcome;
use crate::compare::{Ratio, Row};
use crate::flood::{Flood, Spread};
use crate::machine::Machine;
use crate::streams::Fanout;

/// Everything a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How it was run.
    pub command: String,
    /// Where.
    pub machine: Machine,
    /// The version of the product.
    pub version: &'static str,
    /// Rounds of each comparison.
    pub rounds: usize,
    /// Seconds of each turn.
    pub seconds: f64,
    /// Tasks on the large board.
    pub large: usize,
    /// The comparisons.
    pub rows: Vec<Row>,
    /// The streams.
    pub fanout: Vec<Fanout>,
    /// The streams under load.
    pub floods: Vec<Flood>,
    /// Single figures.
    pub figures: Vec<Figure>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// A single number.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What.
    pub title: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it must stay under (decisions §6).
    pub limit: Option<f64>,
}

const BEGIN: &str = "<!-- results: begin (written by `make bench`) -->";
const END: &str = "<!-- results: end -->";

impl Report {
    /// The results as Markdown; also what a terminal shows.
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        let _ = writeln!(page, "Command: `{}`, version {}.", self.command, self.version);
        let _ = writeln!(page, "Machine: {}.", self.machine.line());
        let _ = writeln!(
            page,
            "Each comparison: {} rounds of {} s for each side in turn; medians. Large board: {} tasks.\n",
            self.rounds, self.seconds, self.large
        );
        self.comparisons(&mut page);
        self.streams(&mut page);
        self.floods(&mut page);
        self.figures(&mut page);
        for skipped in &self.skipped {
            let _ = writeln!(page, "Left out: {skipped}");
        }
        page
    }

    fn comparisons(&self, page: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let mut table = vec![
            [
                "what",
                "who",
                "ratio (low–high)",
                "target",
                "answers/s",
                "p50 ms",
                "p99 ms",
                "server µs/answer",
            ]
            .map(str::to_owned),
        ];
        let mut title = "";
        for row in &self.rows {
            let shown = if row.title == title { "" } else { row.title };
            title = row.title;
            let (ratio, target) =
                row.ratio.map_or(("1".to_owned(), String::new()), |ratio| shown_ratio(&ratio));
            table.push([
                shown.to_owned(),
                row.side.to_owned(),
                ratio,
                target,
                format!("{:.0}", row.per_second),
                format!("{:.2}", row.p50_us / 1e3),
                format!("{:.2}", row.p99_us / 1e3),
                row.processor_us.map_or_else(String::new, |micros| format!("{micros:.0}")),
            ]);
        }
        write_table(page, &table);
    }

    fn streams(&self, page: &mut String) {
        if self.fanout.is_empty() {
            return;
        }
        let mut table = vec![
            [
                "streams on one board",
                "who",
                "changes",
                "to the last client p50 / p99 ms",
                "to a client p50 / p99 ms",
                "memory before / with streams MiB",
            ]
            .map(str::to_owned),
        ];
        let pair = |one: f64, two: f64| format!("{one:.1} / {two:.1}");
        for fanout in &self.fanout {
            let memory = fanout.resident_before_mib.zip(fanout.resident_mib);
            table.push([
                fanout.streams.to_string(),
                fanout.side.to_owned(),
                fanout.changes.to_string(),
                pair(fanout.last_p50_ms, fanout.last_p99_ms),
                pair(fanout.client_p50_ms, fanout.client_p99_ms),
                memory.map_or_else(String::new, |(before, with)| pair(before, with)),
            ]);
        }
        write_table(page, &table);
    }

    fn floods(&self, page: &mut String) {
        if self.floods.is_empty() {
            return;
        }
        let mut table = vec![
            [
                "streams under load",
                "who",
                "changes/s: asked, kept",
                "events/s to clients",
                "change p50 / p99 ms",
                "to a client p50 / p99 ms",
                "to the last client p50 / p99 ms",
                "list p50 / p99 ms",
                "memory before / highest / after MiB",
                "cores: server, clients",
            ]
            .map(str::to_owned),
        ];
        let spread = |Spread { p50, p99 }: Spread| format!("{p50:.1} / {p99:.1}");
        for flood in &self.floods {
            let memory = flood
                .memory
                .map(|memory| format!("{:.1} / {:.1} / {:.1}", memory.before, memory.highest, memory.after));
            let cores = flood.server_cores.zip(flood.client_cores);
            table.push([
                flood.streams.to_string(),
                flood.side.to_owned(),
                format!("{:.0}, {:.1}", flood.asked_per_second, flood.kept_per_second),
                format!("{:.0}", flood.delivered_per_second),
                spread(flood.change),
                spread(flood.client),
                spread(flood.last),
                spread(flood.list),
                memory.unwrap_or_default(),
                cores.map_or_else(String::new, |(server, clients)| format!("{server:.2}, {clients:.2}")),
            ]);
        }
        write_table(page, &table);
    }

    fn figures(&self, page: &mut String) {
        if self.figures.is_empty() {
            return;
        }
        let mut table = vec![["figure", "value", "target"].map(str::to_owned)];
        for Figure { title, value, unit, limit } in &self.figures {
            let target = limit.map_or_else(String::new, |limit| {
                let met = if *value <= limit { "met" } else { "missed" };
                format!("≤ {limit} {unit}: {met}")
            });
            table.push([title.clone(), format!("{value:.1} {unit}"), target]);
        }
        write_table(page, &table);
    }

    /// Puts the results between the marks of the page at `file`; the words around them stay.
    pub fn write_into(&self, file: &Path) -> Outcome<()> {
        let page = std::fs::read_to_string(file)?;
        let marks = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
        let (before, after) =
            marks.ok_or_else(|| format!("{} lacks the lines {BEGIN} and {END}", file.display()))?;
        std::fs::write(file, format!("{before}{BEGIN}\n\n{}\n{END}{after}", self.markdown().trim_end()))?;
        Ok(())
    }
}

fn shown_ratio(ratio: &Ratio) -> (String, String) {
    let shown = format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high);
    let target = ratio.target.map_or_else(String::new, |target| {
        let (sign, met) =
            (if target.is_ceiling { "≤" } else { "≥" }, if target.is_met { "met" } else { "missed" });
        format!("{sign} {}: {met}", target.value)
    });
    (shown, target)
}

/// A Markdown table whose columns line up.
fn write_table<const COLUMNS: usize>(page: &mut String, rows: &[[String; COLUMNS]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    for (at, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(page, "| {cell}{} ", " ".repeat(width - cell.chars().count()));
        }
        page.push_str("|\n");
        if at == 0 {
            for width in widths {
                let _ = write!(page, "|{}", "-".repeat(width + 2));
            }
            page.push_str("|\n");
        }
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let mut page = String::new();
        write_table(&mut page, &[["a", "µ"].map(str::to_owned), ["long", "b"].map(str::to_owned)]);
        assert_eq!(page, "| a    | µ |\n|------|---|\n| long | b |\n\n");
    }

    #[test]
    fn results_replace_only_what_is_between_the_marks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("page.md");
        let report = Report {
            command: "make bench".to_owned(),
            machine: Machine::describe(folder.path()).expect("a machine"),
            version: "1",
            rounds: 1,
            seconds: 1.0,
            large: 1,
            rows: Vec::new(),
            fanout: Vec::new(),
            floods: Vec::new(),
            figures: vec![Figure { title: "figure".to_owned(), value: 3.0, unit: "s", limit: Some(2.0) }],
            skipped: Vec::new(),
        };
        std::fs::write(&file, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).expect("writable");
        report.write_into(&file).expect("the marks are there");
        let page = std::fs::read_to_string(&file).expect("readable");
        assert!(page.starts_with("before\n") && page.ends_with("\nafter\n"), "{page}");
        assert!(page.contains("≤ 2 s: missed") && !page.contains("old"), "{page}");
        std::fs::write(&file, "no marks").expect("writable");
        assert!(report.write_into(&file).is_err());
    }
}
