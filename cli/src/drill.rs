//! `tallylight drill`: turns every fault switch of a running `up` and measures, from outside and
//! over HTTP only, how long it takes until the fault is named and until viewers have recovered.

mod look;
mod table;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::lines;
use crate::settings::Settings;
use crate::shutdown;
use look::Looker;
use watch::Watch;

/// Which switches to turn, and how often.
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// How often each switch is turned.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Only switches whose `target/fault` contains this, such as edge-e1/slow.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The most seconds that a fault stays on.
    #[arg(long, default_value_t = 40)]
    on_s: u64,
    /// The most seconds to wait between two runs until the platform is calm.
    #[arg(long, default_value_t = 150)]
    calm_s: u64,
}

/// Interval between two looks.
const EVERY: Duration = Duration::from_millis(250);
/// Viewers have recovered once they have been healthy for this long.
const STEADY: Duration = Duration::from_secs(4);
/// Attempts to switch a fault off.
const OFF_TRIES: u32 = 5;

/// A switch as `up` lists it.
#[derive(Debug, Clone, Deserialize)]
struct Switch {
    target: String,
    fault: String,
}

/// The result of one run. Times are seconds after the click.
#[derive(Debug, Clone, Default)]
struct Run {
    /// When an incident named the fault.
    named_s: Option<f64>,
    /// The last cause that the incident gave.
    cause: Option<String>,
    /// Largest share of viewers affected, 0 to 1.
    hit: f64,
    /// When viewers had recovered for good.
    recovered_s: Option<f64>,
    /// They had not recovered for good when the fault was switched off.
    after_off: bool,
}

pub(crate) async fn run(settings: Settings, args: DrillArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let looker = Looker::new(settings.dashboard_url())?;
    let all: Vec<Switch> = looker.get("/v1/faults").await.context(
        "the fault switches do not answer: start `tallylight up --viewers 60 --source loop` first, \
         and pass the same --ports",
    )?;
    let chosen: Vec<Switch> = all
        .into_iter()
        .filter(|one| {
            let name = format!("{}/{}", one.target, one.fault);
            args.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
        })
        .collect();
    if chosen.is_empty() {
        bail!("no switch fits --only {:?}", args.only.unwrap_or_default());
    }
    let mut results = Vec::new();
    for switch in chosen {
        let mut runs = Vec::new();
        for n in 1..=args.runs {
            let what = format!("{}/{}, run {n} of {}", switch.target, switch.fault, args.runs);
            progress(&format!("{what}: waiting for calm, at most {} s", args.calm_s));
            tokio::select! {
                () = calm(&looker, args.calm_s) => {}
                () = stop.cancelled() => bail!("stopped; no fault is on"),
            }
            progress(&format!("{what}: on, for at most {} s", args.on_s));
            let run = once(&looker, &switch, Duration::from_secs(args.on_s), &stop).await?;
            tracing::info!(target = switch.target, fault = switch.fault, ?run, "one run");
            runs.push(run);
        }
        results.push((switch, runs));
        // After each switch, so that a drill that is stopped has printed its results so far.
        table::print(&results[results.len() - 1..], results.len() == 1);
    }
    Ok(())
}

/// Prints the progress to stderr; only the table goes to stdout.
fn progress(text: &str) {
    lines::to_stderr(&format!("drill: {text}"));
}

/// Waits until nothing is wrong, for `seconds` at most.
async fn calm(looker: &Looker, seconds: u64) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut since = Instant::now();
    while Instant::now() < deadline && since.elapsed() < STEADY {
        if !looker.look().await.is_ok_and(|look| look.is_calm()) {
            since = Instant::now();
        }
        sleep(EVERY).await;
    }
}

/// Switches the fault on and watches until it is named and viewers have recovered, or for `on`, and
/// for as long again after switching it off. The fault is off at the end, however this ends.
async fn once(
    looker: &Looker,
    switch: &Switch,
    on: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<Run> {
    let before = looker.look().await?;
    let mut watch = Watch::begin(looker, switch, before);
    let name = format!("{}/{}", switch.target, switch.fault);
    let stopped = || anyhow!("stopped; {name} is off again");
    let followed = match turn(looker, switch, true).await {
        Ok(()) => tokio::select! {
            () = watch.follow(on) => Ok(()),
            () = stop.cancelled() => Err(stopped()),
        },
        // The fault may be on although no answer came.
        Err(error) => Err(error),
    };
    let was_healthy = watch.recovered();
    turn_off(looker, switch).await.with_context(|| {
        format!("{name} may still be on: switch it off on the Pipeline page, or stop `up`")
    })?;
    followed?;
    if !was_healthy {
        tokio::select! {
            () = watch.follow(on) => {}
            () = stop.cancelled() => return Err(stopped()),
        }
    }
    Ok(watch.end(was_healthy))
}

async fn turn(looker: &Looker, switch: &Switch, on: bool) -> anyhow::Result<()> {
    let body = json!({"target": switch.target, "fault": switch.fault, "on": on});
    looker.post("/v1/faults", &body).await
}

/// Retries: a platform with a fault may be slow to answer.
async fn turn_off(looker: &Looker, switch: &Switch) -> anyhow::Result<()> {
    for _ in 1..OFF_TRIES {
        if turn(looker, switch, false).await.is_ok() {
            return Ok(());
        }
        sleep(EVERY).await;
    }
    turn(looker, switch, false).await
}
