//! `tallylight drill`: turns every fault switch of a running `up` and measures, from outside
//! and over HTTP alone, how long it takes until the fault is named and until viewers are well.

mod look;
mod table;

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::settings::Settings;
use look::{Look, Looker};

/// Which switches, and how often.
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// How often each switch is turned.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Only switches whose `target/fault` contains this, such as edge-e1/slow.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Seconds that a fault is left on at the most.
    #[arg(long, default_value_t = 40)]
    on_s: u64,
    /// Seconds that the house gets to become calm between two runs.
    #[arg(long, default_value_t = 150)]
    calm_s: u64,
}

/// How often it looks.
const EVERY: Duration = Duration::from_millis(250);
/// Viewers are well again when they have been for so long.
const STEADY: Duration = Duration::from_secs(4);

/// A switch as `up` lists it.
#[derive(Debug, Clone, Deserialize)]
struct Switch {
    target: String,
    fault: String,
}

/// What came of one run. Times are seconds after the click.
#[derive(Debug, Clone, Default)]
struct Run {
    /// An incident named it.
    named_s: Option<f64>,
    /// What the incident said last.
    cause: Option<String>,
    /// Largest share of viewers that were hit, 0 to 1.
    hit: f64,
    /// Viewers were well again, for good.
    well_s: Option<f64>,
    /// That was only after the fault was switched off.
    after_off: bool,
}

pub(crate) async fn run(settings: Settings, args: DrillArgs) -> anyhow::Result<()> {
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
            progress(&format!("{what}: waits until all is calm, {} s at the most", args.calm_s));
            calm(&looker, args.calm_s).await?;
            progress(&format!("{what}: on, for {} s at the most", args.on_s));
            let run = once(&looker, &switch, Duration::from_secs(args.on_s)).await?;
            tracing::info!(target = switch.target, fault = switch.fault, ?run, "one run");
            runs.push(run);
        }
        results.push((switch, runs));
        // After each switch, so that a drill that is broken off has told what it knows.
        table::print(&results[results.len() - 1..], results.len() == 1);
    }
    Ok(())
}

/// Where it is; the table alone goes to standard output.
#[allow(clippy::print_stderr, reason = "a drill takes minutes, and somebody waits for it")]
fn progress(text: &str) {
    eprintln!("drill: {text}");
}

/// Waits until nothing is wrong; after `seconds` goes on regardless.
async fn calm(looker: &Looker, seconds: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut since = Instant::now();
    while Instant::now() < deadline && since.elapsed() < STEADY {
        let look = looker.look().await?;
        if !look.is_calm() {
            since = Instant::now();
        }
        sleep(EVERY).await;
    }
    Ok(())
}

/// One click, and what follows until the fault is named and viewers are well, or for `on` and
/// as long again after the fault is off.
async fn once(looker: &Looker, switch: &Switch, on: Duration) -> anyhow::Result<Run> {
    let mut run = Run::default();
    let before = looker.look().await?;
    let clicked = Instant::now();
    turn(looker, switch, true).await?;
    let mut watch = Watch { clicked, ill_at: None, well_since: None };
    while clicked.elapsed() < on && !watch.is_over(&run) {
        watch.see(&looker.look().await?, &before, switch, &mut run);
        sleep(EVERY).await;
    }
    let was_well = watch.well_since.is_some();
    let off = Instant::now();
    turn(looker, switch, false).await?;
    while !was_well && off.elapsed() < on && !watch.is_over(&run) {
        run.after_off = true;
        watch.see(&looker.look().await?, &before, switch, &mut run);
        sleep(EVERY).await;
    }
    run.well_s = watch.well_since.map(|at| (at - clicked).as_secs_f64());
    Ok(run)
}

async fn turn(looker: &Looker, switch: &Switch, on: bool) -> anyhow::Result<()> {
    let body = json!({"target": switch.target, "fault": switch.fault, "on": on});
    looker.post("/v1/faults", &body).await
}

/// Follows one run.
struct Watch {
    clicked: Instant,
    ill_at: Option<Instant>,
    well_since: Option<Instant>,
}

/// A fault that hits nobody within this long does not.
const HITS_WITHIN: Duration = Duration::from_secs(20);

impl Watch {
    fn see(&mut self, look: &Look, before: &Look, switch: &Switch, run: &mut Run) {
        if let Some(incident) = look.named(&switch.target, &before.open) {
            run.named_s.get_or_insert(self.clicked.elapsed().as_secs_f64());
            // Its words get better while more is seen; the part that it names stays.
            run.cause = Some(incident.cause.clone());
        }
        run.hit = run.hit.max(look.hit(&switch.target));
        if look.is_hit(&switch.target) {
            self.ill_at.get_or_insert_with(Instant::now);
            self.well_since = None;
        } else if self.ill_at.is_some() {
            self.well_since.get_or_insert_with(Instant::now);
        }
    }

    /// Named, and viewers well: for a while after they were hit, or not hit at all.
    fn is_over(&self, run: &Run) -> bool {
        let well = match self.ill_at {
            Some(_) => self.well_since.is_some_and(|since| since.elapsed() >= STEADY),
            None => self.clicked.elapsed() >= HITS_WITHIN,
        };
        run.named_s.is_some() && well
    }
}
