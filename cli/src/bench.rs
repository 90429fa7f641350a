//! `tallylight bench`: each step beside its speed of light, in one run on one machine, so that
//! the ratio means something although the figures are this machine's.

mod append;
mod archive;
mod cpu;
mod decode;
mod door;
mod light;
mod load;
mod path;
mod sample;
mod window;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde::Serialize;

/// Which steps, and how to print them.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// decode, append, window, archive, door, path; all of them by default.
    names: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// A step beside its floor.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// The step, with its variant.
    pub(crate) name: String,
    /// Events per second of CPU time: user and system, all threads but the one that sends.
    pub(crate) events_per_cpu_second: f64,
    /// The same for the floor.
    pub(crate) floor_events_per_cpu_second: f64,
    /// Step ÷ floor: 1 is as fast as can be.
    pub(crate) ratio: f64,
    /// What the floor does: the least work that gives the step's result.
    pub(crate) floor: &'static str,
}

impl Measured {
    pub(crate) fn new(name: impl Into<String>, step: f64, floor: f64, what: &'static str) -> Self {
        Self {
            name: name.into(),
            events_per_cpu_second: step,
            floor_events_per_cpu_second: floor,
            ratio: step / floor,
            floor: what,
        }
    }
}

/// Runs the steps asked for.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let all = ["decode", "append", "window", "archive", "door", "path"];
    if let Some(unknown) = args.names.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("there is no bench {unknown:?}; there are {}", all.join(", "));
    }
    let asked = |name: &str| args.names.is_empty() || args.names.iter().any(|n| n == name);
    let mut results = Vec::new();
    for name in all.into_iter().filter(|name| asked(name)) {
        results.extend(match name {
            "decode" => decode::run()?,
            "append" => append::run()?,
            "window" => window::run()?,
            "archive" => archive::run()?,
            "door" => door::run()?,
            _ => path::run()?,
        });
    }
    print(&results, args.format)
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
fn print(results: &[Measured], format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(results)?);
        return Ok(());
    }
    println!("{:<18} {:>10} {:>10} {:>6}  floor", "step", "M/cpu-s", "floor", "ratio");
    for r in results {
        println!(
            "{:<18} {:>10.3} {:>10.3} {:>6.3}  {}",
            r.name,
            r.events_per_cpu_second / 1e6,
            r.floor_events_per_cpu_second / 1e6,
            r.ratio,
            r.floor
        );
    }
    Ok(())
}

/// A folder under the system's temporary one, removed when it is dropped. It has to be on the
/// kind of disk that data would be on: syncing to memory costs nothing.
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
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a folder of the bench is left");
        }
    }
}
