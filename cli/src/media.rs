//! The services of the media path, each in its own process.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tallylight_pipeline::serve::build::Parts;
use tallylight_pipeline::{edge, encoder, origin, steering};
use tallylight_schemas::clock::{Clock, WallClock};

use crate::faults::Switches;
use crate::settings::Settings;
use crate::shutdown;

/// Where the programme comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// Drawn and encoded now, by GStreamer.
    Gst,
    /// The committed recording, moved to now.
    Loop,
}

impl Source {
    /// The word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Source::Gst => "gst",
            Source::Loop => "loop",
        }
    }
}

impl From<Source> for encoder::Source {
    fn from(source: Source) -> Self {
        match source {
            Source::Gst => Self::Gst,
            Source::Loop => Self::Loop,
        }
    }
}

/// Which renditions the demo has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ladder {
    /// The settings' own rungs: H.264, in three sizes.
    Demo,
    /// The same, and the largest once more in H.265.
    DemoHevc,
}

impl Ladder {
    /// The word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ladder::Demo => "demo",
            Ladder::DemoHevc => "demo-hevc",
        }
    }

    /// The tracks that an encoder with these settings has.
    pub(crate) fn applied(self, encoder: encoder::Settings) -> encoder::Settings {
        match self {
            Ladder::Demo => encoder,
            Ladder::DemoHevc => encoder.with_hevc(),
        }
    }
}

/// Flags of an encoder besides its settings.
#[derive(Debug, Args)]
pub(crate) struct EncoderArgs {
    /// The pipeline it is: `A`, `B`. Default: the settings' own.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Where the programme comes from.
    #[arg(long, value_enum)]
    source: Option<Source>,
    /// Which renditions it has.
    #[arg(long, value_enum)]
    ladder: Option<Ladder>,
    /// Records eight seconds and the slate into this folder and ends: how
    /// `pipeline/media/loop` was made.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

/// Flags of an edge besides its settings.
#[derive(Debug, Args)]
pub(crate) struct EdgeArgs {
    /// Which of the settings' edges it is.
    #[arg(long, default_value = "e1")]
    name: String,
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(WallClock)
}

pub(crate) async fn encoder(
    settings: Settings,
    args: EncoderArgs,
    faults: Switches,
) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let mut encoder = settings.encoder;
    encoder.source = args.source.map_or(encoder.source, Into::into);
    if let Some(ladder) = args.ladder {
        encoder = ladder.applied(encoder);
    }
    if let Some(pipeline) = args.pipeline {
        encoder.pipeline = pipeline;
    }
    if let Some(folder) = args.record {
        return record(encoder, folder).await;
    }
    let parts = encoder::Parts::new(clock());
    let (broken, clock, grid) = (parts.faults.clone(), clock(), encoder.grid);
    faults.follow(move |one| match one.fault.as_str() {
        "freeze" => broken.freeze(one.on),
        // The segment in progress now: no track has finished it yet.
        "drop" if one.on => broken.drop_segment(grid.k_at(clock.now_us())),
        _ => {}
    });
    Ok(encoder::run(encoder, parts, stop).await?)
}

#[cfg(feature = "media")]
async fn record(encoder: encoder::Settings, folder: PathBuf) -> anyhow::Result<()> {
    let now = clock().now_us();
    let work = move || encoder::record(&folder, &encoder, now);
    Ok(tokio::task::spawn_blocking(work).await??)
}

#[cfg(not(feature = "media"))]
async fn record(_: encoder::Settings, _: PathBuf) -> anyhow::Result<()> {
    anyhow::bail!("recording needs GStreamer: build with the feature `media`")
}

pub(crate) async fn origin(settings: Settings) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let parts = Parts { clock: clock() };
    Ok(origin::build(settings.origin, parts).await?.run(stop).await?)
}

pub(crate) async fn edge(
    settings: Settings,
    args: EdgeArgs,
    faults: Switches,
) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let parts = Parts { clock: clock() };
    let broken = Arc::new(edge::Faults::default());
    let switched = Arc::clone(&broken);
    faults.follow(move |one| match (one.fault.as_str(), one.on) {
        ("slow", on) => switched.slow(if on { one.value.unwrap_or(0) } else { 0 }),
        ("overload", on) => switched.overload(if on { one.value.unwrap_or(0) } else { 0 }),
        _ => {}
    });
    Ok(edge::build_with(settings.edge(&args.name)?, parts, broken).await?.run(stop).await?)
}

pub(crate) async fn steering(settings: Settings) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let parts = Parts { clock: clock() };
    Ok(steering::build(settings.steering, parts).await?.run(stop).await?)
}
