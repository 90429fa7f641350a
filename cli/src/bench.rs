//! `tallylight bench`: each step beside its floor, in one run on one machine, so that the
//! ratio means something although the figures are this machine's.

mod append;
mod archive;
mod decode;
mod door;
mod sample;
mod window;

use anyhow::bail;
use clap::{Args, ValueEnum};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Which steps, and how to print them.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// decode, append, window, archive, door; all of them by default.
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
    /// Events per second of CPU time (user and system, all threads of the process).
    pub(crate) events_per_cpu_second: f64,
    /// The same for the floor.
    pub(crate) floor_events_per_cpu_second: f64,
    /// Step ÷ floor: 1 is as fast as can be.
    pub(crate) ratio: f64,
    /// What the floor does.
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
    let all = ["decode", "append", "window", "archive", "door"];
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
            _ => door::run()?,
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
    println!("{:<22} {:>14} {:>14} {:>7}  floor", "step", "events/cpu-s", "floor", "ratio");
    for r in results {
        println!(
            "{:<22} {:>14.0} {:>14.0} {:>7.3}  {}",
            r.name, r.events_per_cpu_second, r.floor_events_per_cpu_second, r.ratio, r.floor
        );
    }
    Ok(())
}

/// Repeats `work`, which handles `events`, for about a second of CPU time, after a warm-up.
pub(crate) fn rate(
    events: usize,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    work()?;
    let began = cpu_seconds()?;
    let mut rounds = 0;
    loop {
        work()?;
        rounds += 1;
        let spent = cpu_seconds()? - began;
        if spent > 1.0 {
            return Ok(events as f64 * f64::from(rounds) / spent);
        }
    }
}

/// CPU time of this process so far.
pub(crate) fn cpu_seconds() -> anyhow::Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}
