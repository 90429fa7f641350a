//! `tallylight audience`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use tallylight_schemas::clock::WallClock;
use tokio::sync::watch;

use crate::faults::Switches;
use crate::settings::Settings;
use crate::shutdown;

/// Flags that override the settings.
#[derive(Debug, Args)]
pub(crate) struct AudienceArgs {
    /// Viewers at a time.
    #[arg(long)]
    viewers: Option<u32>,
    /// Seconds to run a script; without it the audience goes on until stopped.
    #[arg(long)]
    duration: Option<u32>,
    /// In a script: this many start failures, as many exits before start and as many failures.
    #[arg(long)]
    bad_starts: Option<u32>,
    /// In a script: stalls per viewer.
    #[arg(long)]
    stalls: Option<u32>,
    /// Chooses what viewers do.
    #[arg(long)]
    seed: Option<u64>,
    /// Where to write what really happened, JSON lines.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Writes every media request into the ledger too.
    #[arg(long)]
    requests: bool,
}

pub(crate) async fn run(
    settings: Settings,
    args: AudienceArgs,
    faults: Switches,
) -> anyhow::Result<()> {
    let mut audience = settings.audience;
    audience.viewers = args.viewers.unwrap_or(audience.viewers);
    audience.duration_s = args.duration.unwrap_or(audience.duration_s);
    audience.bad_starts = args.bad_starts.unwrap_or(audience.bad_starts);
    audience.stalls_per_viewer = args.stalls.unwrap_or(audience.stalls_per_viewer);
    audience.seed = args.seed.unwrap_or(audience.seed);
    audience.ledger = args.ledger.or(audience.ledger);
    audience.ledger_requests |= args.requests;
    if let Err(mistakes) = audience.validate() {
        bail!("the audience cannot run:\n  {}", mistakes.join("\n  "));
    }
    let (switch, stuck) = watch::channel(false);
    faults.follow(move |one| {
        if one.fault == "stuck_tv" {
            switch.send_replace(one.on);
        }
    });
    let stop = shutdown::on_signal()?;
    Ok(tallylight_audience::run(audience, Arc::new(WallClock), stuck, stop).await?)
}
