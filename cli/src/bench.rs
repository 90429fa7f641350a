//! `tallylight bench`: measures each step and its floor in one run on one machine, so that their
//! ratio is meaningful although the figures depend on the machine.

mod append;
mod archive;
mod cpu;
mod decode;
mod door;
mod floor;
mod load;
mod paper;
mod path;
mod sample;
mod scaling;
mod sessions;
mod steady;
mod w1;
mod window;

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Every bench, in the order in which they run.
const ALL: [&str; 10] = [
    "decode", "append", "window", "scaling", "archive", "door", "path", "w1", "sessions", "steady",
];

/// Which steps, and how to print them.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// decode, append, window, scaling, archive, door, path, w1, sessions, steady; all of them by
    /// default.
    names: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Events of `w1`'s small file; the large one has three times as many.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Folder in which `w1` leaves its files and results, for comparison with other engines.
    #[arg(long)]
    into: Option<PathBuf>,
    #[command(flatten)]
    door: door::DoorArgs,
    #[command(flatten)]
    steady: steady::SteadyArgs,
    /// Live sessions of `sessions`.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 4_000_000])]
    sessions: Vec<usize>,
    /// This process was started to measure one size of `sessions`.
    #[arg(long, hide = true)]
    in_child: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// A step and its floor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The step, with its variant.
    pub(crate) name: String,
    /// Events per second of CPU time: user and system, all threads except the sender's.
    pub(crate) events_per_cpu_second: f64,
    /// The same for the floor.
    pub(crate) floor_events_per_cpu_second: f64,
    /// Step ÷ floor: 1 is as fast as possible.
    pub(crate) ratio: f64,
    /// What the floor does: the least work that gives the step's result.
    pub(crate) floor: String,
}

impl Measured {
    pub(crate) fn new(name: impl Into<String>, step: f64, floor: f64, what: &str) -> Self {
        Self {
            name: name.into(),
            events_per_cpu_second: step,
            floor_events_per_cpu_second: floor,
            ratio: step / floor,
            floor: what.to_owned(),
        }
    }
}

/// What a run found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Steps and their floors.
    steps: Vec<Measured>,
    /// The collector in its variants.
    door: door::Found,
    /// Memory of sessions.
    sessions: Vec<sessions::Held>,
    /// What a second core adds.
    scaling: Option<scaling::Scaling>,
    /// Figures at a steady rate.
    steady: Option<steady::Kept>,
    /// What the steps add up to at the largest rate known.
    paper: Vec<paper::Line>,
}

/// Runs the requested steps.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    if let Some(unknown) = args.names.iter().find(|name| !ALL.contains(&name.as_str())) {
        bail!("there is no bench {unknown:?}; there are {}", ALL.join(", "));
    }
    let requested = |name: &str| args.names.is_empty() || args.names.iter().any(|n| n == name);
    let mut report = Report::default();
    for name in ALL.into_iter().filter(|name| requested(name)) {
        report.steps.extend(match name {
            "decode" => decode::run()?,
            "append" => append::run()?,
            "window" => window::run()?,
            "archive" => archive::run()?,
            "door" => {
                report.door = door::run(&args.door)?;
                Vec::new()
            }
            "scaling" => {
                report.scaling = Some(scaling::run()?);
                Vec::new()
            }
            "steady" => {
                let runtime = tokio::runtime::Runtime::new()?;
                report.steady = Some(runtime.block_on(steady::run(&args.steady))?);
                Vec::new()
            }
            "path" => path::run()?,
            "w1" => w1::run(args.events, args.into.as_deref())?,
            _ => {
                report.sessions = sessions::run(&args.sessions, args.in_child)?;
                Vec::new()
            }
        });
    }
    report.paper = paper::lines(&report.steps, &report.door.lines);
    print(&report, args.format)
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
fn print(report: &Report, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(report)?);
        return Ok(());
    }
    if !report.steps.is_empty() {
        println!("{:<18} {:>10} {:>10} {:>6}  floor", "step", "M/cpu-s", "floor", "ratio");
    }
    for r in &report.steps {
        println!(
            "{:<18} {:>10.3} {:>10.3} {:>6.3}  {}",
            r.name,
            r.events_per_cpu_second / 1e6,
            r.floor_events_per_cpu_second / 1e6,
            r.ratio,
            r.floor
        );
    }
    report.scaling.iter().for_each(scaling::print);
    door::print(&report.door);
    paper::print(&report.paper);
    if !report.sessions.is_empty() {
        sessions::print(&report.sessions);
    }
    report.steady.iter().for_each(steady::print);
    Ok(())
}

/// Resident memory of a process, bytes; `self` is this one.
pub(crate) fn resident(process: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("no VmRSS in kB in its status")?.parse::<u64>()? * 1_024)
}

/// A folder under the system's temporary one, removed when dropped. It must be on the kind of disk
/// that data would be on: syncing to memory costs nothing.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("tallylight-bench-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        // With the log in Kafka the folder is never created.
        if let Some(error) = removed.err().filter(|error| error.kind() != ErrorKind::NotFound) {
            tracing::warn!(folder = %self.0.display(), %error, "a folder of the bench is left");
        }
    }
}
