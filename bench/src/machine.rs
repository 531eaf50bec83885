//! The machine of a run: a number means nothing without it.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::Outcome;
use crate::load::median;

/// What the results depend on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Name of the processor.
    pub processor: String,
    /// Memory in gibibytes.
    pub memory_gib: Option<f64>,
    /// Operating system and architecture.
    pub system: String,
    /// Median time to write 4 KiB durably, in microseconds.
    pub sync_us: f64,
    /// Processes that wanted to run in the minute before.
    pub load_before: Option<f64>,
    /// SQLite's version.
    pub sqlite: &'static str,
}

impl Machine {
    /// Describes this machine; writes a small file to `folder` to time the disk.
    pub fn describe(folder: &Path) -> Outcome<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            processor: line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            memory_gib: line_of("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
                .map(|kilobytes| kilobytes / 1024.0 / 1024.0),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            sync_us: sync_time(folder)?,
            load_before: std::fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split(' ').next()?.parse().ok()),
            sqlite: rusqlite::version(),
        })
    }

    /// One line for reports.
    pub fn line(&self) -> String {
        let memory = self.memory_gib.map_or_else(String::new, |size| format!(", {size:.0} GiB memory"));
        let busy =
            self.load_before.map_or_else(String::new, |load| format!(", load {load:.1} before the run"));
        format!(
            "{} cores ({}){memory}, {}, durable 4 KiB write {:.0} µs, SQLite {}{busy}",
            self.cores, self.processor, self.system, self.sync_us, self.sqlite
        )
    }
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn sync_time(folder: &Path) -> Outcome<f64> {
    const WRITES: usize = 51;
    let mut file = File::create(folder.join("sync"))?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let start = Instant::now();
        file.rewind()?;
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    median(times).ok_or_else(|| "the disk was not timed".into())
}

/// How many files and sockets this process may have open; nothing where the system does not say.
pub fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
