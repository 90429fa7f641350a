//! `tallylight up`: the supervisor (ADR 13). It runs no service itself; each is a child process of
//! this same binary, restarted with backoff. They drain from the source of the data path to its
//! end.

mod child;
mod control;
mod faults;
mod ladder;
mod ports;
mod ready;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tallylight_eventlog::owner::{Owner, Unclaimed};
use tallylight_schemas::clock::WallClock;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::lines;
use crate::log::LogKind;
use crate::media::{Ladder, Source};
use crate::settings::{Global, Settings, flag};
use crate::shutdown;
use child::Child;
use faults::Faults;

/// What `up` starts.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Simulated viewers; 0 starts no audience. Default: the settings' 200.
    #[arg(long, conflicts_with = "no_demo")]
    viewers: Option<u32>,
    /// Where the encoder's picture comes from. Default: the settings' own.
    #[arg(long, value_enum, conflicts_with = "no_demo")]
    source: Option<Source>,
    /// Which renditions the demo has. Default: `demo-hevc` with at least four cores.
    #[arg(long, value_enum, conflicts_with = "no_demo")]
    ladder: Option<Ladder>,
    /// A ledger of what really happened to every simulated viewer, JSON lines.
    #[arg(long, value_name = "FILE", conflicts_with = "no_demo")]
    ledger: Option<PathBuf>,
}

/// Runs until Ctrl-C, on one thread: a parent-death signal is bound to the thread that spawned the
/// child, and only the main thread certainly lives as long as the process.
pub(crate) fn run(global: &Global, settings: Settings, args: &UpArgs) -> anyhow::Result<()> {
    let settings = with_flags(settings, args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(supervise_all(global, &settings, args))
}

/// The settings with the flags applied, validated again: otherwise a child would reject a mistake
/// in its flags at every start, for ever. So would encoders that cannot play their source.
fn with_flags(mut settings: Settings, args: &UpArgs) -> anyhow::Result<Settings> {
    let audience = &mut settings.audience;
    audience.viewers = args.viewers.unwrap_or(audience.viewers);
    audience.ledger = args.ledger.clone().or(audience.ledger.take());
    settings.encoder.source = args.source.map_or(settings.encoder.source, Into::into);
    settings.check()?;
    if settings.has_media() {
        settings.encoder.playable()?;
    }
    Ok(settings)
}

/// The running children, in the order of their start.
type Stages = Vec<Vec<(CancellationToken, JoinHandle<()>)>>;

async fn supervise_all(global: &Global, settings: &Settings, args: &UpArgs) -> anyhow::Result<()> {
    let global = &global.to_hand_on()?;
    let stop = shutdown::on_signal()?;
    ports::refuse_taken(settings)?;
    let _owner = claim(&settings.data_dir)?;
    if settings.has_media() {
        ladder::clear_other(settings, args)?;
    }
    let planned = stages_of(global, settings, args);
    let names: Vec<String> = planned.iter().flatten().map(|child| child.name.clone()).collect();
    let faults = Arc::new(Faults::new(Arc::new(WallClock), &names));
    let control = tokio::spawn(control::run(settings.control, faults.clone(), stop.clone()));
    let mut stages = Stages::new();
    // The control listener stops everything if it ends early.
    let started = tokio::select! {
        () = stop.cancelled() => Ok(()),
        result = start(settings, planned, &faults, &stop, &mut stages) => result,
    };
    if started.is_ok() {
        stop.cancelled().await;
    }
    say("draining; Ctrl-C or SIGTERM ends it at once");
    stop.cancel();
    let drained = drain(stages).await;
    say("stopped; the data is kept");
    started?;
    drained?;
    control.await?.context("the fault switches of `up` stopped, and all else with them")
}

/// Drains one stage after the other, the last one first. A task that failed keeps no other child
/// from its drain.
async fn drain(stages: Stages) -> Result<(), JoinError> {
    let mut drained = Ok(());
    for stage in stages.into_iter().rev() {
        stage.iter().for_each(|(token, _)| token.cancel());
        for (_, task) in stage {
            drained = drained.and(task.await);
        }
    }
    drained
}

/// Starts one stage after the other, and announces when there is something to look at.
async fn start(
    settings: &Settings,
    planned: Vec<Vec<Child>>,
    faults: &Faults,
    stop: &CancellationToken,
    stages: &mut Stages,
) -> anyhow::Result<()> {
    let binary = std::env::current_exe().context("cannot find the path of this binary")?;
    for stage in planned {
        let of_stage = |child: &str| stage.iter().any(|one| one.name == child);
        let mut listeners = settings.listeners();
        listeners.retain(|listener| of_stage(&listener.child));
        let running = stage.into_iter().map(|child| {
            let token = CancellationToken::new();
            let orders = faults.orders(&child.name);
            let (binary, stop, end) = (binary.clone(), stop.clone(), token.clone());
            (token, tokio::spawn(child::supervise(child, binary, orders, stop, end)))
        });
        stages.push(running.collect());
        ready::listening(&listeners).await?;
    }
    ready::announce(settings).await
}

/// Claims the data folder for as long as this runs: two instances would serve each other's media.
fn claim(data: &Path) -> anyhow::Result<Owner> {
    let why = match Owner::claim(data) {
        Ok(owner) => return Ok(owner),
        Err(in_use @ Unclaimed::InUse { .. }) => anyhow::anyhow!(
            "{in_use}, which is another `tallylight up`. Stop that one, or run beside it with \
             --data DIR and --ports BASE"
        ),
        Err(Unclaimed::Io(error)) => anyhow::Error::new(error),
    };
    Err(why.context(format!("cannot use the data folder {}", data.display())))
}

/// The stages in the order of starting. Draining goes backwards, so that reporters stop before the
/// collector.
fn stages_of(global: &Global, settings: &Settings, args: &UpArgs) -> Vec<Vec<Child>> {
    let random = || format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let service_key = settings.service_key.clone().unwrap_or_else(random);
    let child = |name: &str, command: &[&str]| Child {
        name: name.to_owned(),
        args: global.as_args().into_iter().chain(command.iter().map(OsString::from)).collect(),
        service_key: service_key.clone(),
        drain: drain_of(name, settings),
    };
    let plain = |name: &str| child(name, &[name]);
    let data = match settings.log.kind {
        LogKind::Disk => vec![plain("data")],
        LogKind::Kafka => Vec::from(["collector", "processor", "dashboard"].map(plain)),
    };
    if !settings.has_media() {
        return vec![data, vec![plain("steering")]];
    }
    // Values of settings follow a `=`, as they may begin with a dash.
    let ladder = ladder::of(args, settings).as_str();
    let source = args.source.map(|source| ["--source", source.as_str()]);
    let encoders = settings.pipelines.iter().map(|pipeline| {
        let named = format!("--pipeline={pipeline}");
        let mut command = vec!["encoder", &named, "--ladder", ladder];
        command.extend(source.iter().flatten());
        child(&format!("encoder-{}", pipeline.to_lowercase()), &command)
    });
    let edges = settings
        .edges
        .keys()
        .map(|name| child(&format!("edge-{name}"), &["edge", &format!("--name={name}")]));
    let media = encoders.chain(edges).chain([plain("steering")]).collect();
    let mut stages = vec![data, vec![plain("origin")], media];
    if settings.audience.viewers > 0 {
        let viewers = settings.audience.viewers.to_string();
        let mut audience = child("audience", &["audience", "--viewers", &viewers]);
        let ledger = settings.audience.ledger.as_ref();
        audience.args.extend(ledger.map(|ledger| flag("--ledger=", ledger)));
        stages.push(vec![audience]);
    }
    stages
}

/// How long a child may drain: as long as its services may take by their settings, one after the
/// other, and [`child::DRAIN`] for the rest. Who does not want to wait sends a second signal.
fn drain_of(name: &str, settings: &Settings) -> Duration {
    let collector = settings.collector.stop_within();
    let history = Duration::from_secs(settings.processor.archive.finish_s);
    // An append under way, or what is not delivered yet when the log is closed.
    let kafka = Duration::from_secs(settings.log.append_within_s);
    let (first, second) = match name {
        "data" => (collector, history),
        "collector" => (collector, kafka),
        "processor" => (history, kafka),
        _ => (Duration::ZERO, Duration::ZERO),
    };
    child::DRAIN.saturating_add(first).saturating_add(second)
}

/// What `up` has to say to the person who started it.
fn say(text: &str) {
    lines::to_stdout(&format!("tallylight: {text}"));
}

#[cfg(test)]
mod tests;
