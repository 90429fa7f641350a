//! Settings of everything (ADR 11): compiled-in defaults, then a TOML file, then the
//! environment (`TALLYLIGHT_COLLECTOR__FLUSH_MS=50`), then flags. Unknown keys are refused
//! and all mistakes are reported together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

/// The default of `--ports`.
const PORTS: u16 = 7_700;

/// Flags that every subcommand takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// A TOML file of settings; `tallylight config` shows the keys.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Moves every port: dashboard BASE, collector +1, origin +10, edge +11, steering +20.
    #[arg(long, global = true, value_name = "BASE")]
    ports: Option<u16>,
    /// The folder of everything kept; deleting it is a clean start.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Set by `up` for its children.
    #[arg(long, global = true, hide = true)]
    pub(crate) supervisor_pid: Option<i32>,
}

impl Global {
    /// The same flags for a child.
    pub(crate) fn as_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        let mut push = |flag: &str, value: Option<String>| {
            if let Some(value) = value {
                args.extend([flag.to_owned(), value]);
            }
        };
        push("--config", self.config.as_ref().map(|path| path.display().to_string()));
        push("--ports", self.ports.map(|base| base.to_string()));
        push("--data", self.data.as_ref().map(|path| path.display().to_string()));
        args
    }
}

/// Settings of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// Bytes of events kept; beyond it the oldest segment is dropped and counted.
    pub(crate) events_cap_bytes: u64,
    /// Bytes of rows kept.
    pub(crate) rows_cap_bytes: u64,
    /// Bytes of a segment file.
    pub(crate) segment_bytes: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { events_cap_bytes: 2 << 30, rows_cap_bytes: 256 << 20, segment_bytes: 32 << 20 }
    }
}

/// Settings of every service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The folder of everything kept.
    pub(crate) data_dir: PathBuf,
    pub(crate) log: LogSettings,
    pub(crate) collector: tallylight_collector::Settings,
    pub(crate) processor: tallylight_stream_processor::Settings,
    pub(crate) dashboard: tallylight_dashboard::Settings,
    pub(crate) encoder: tallylight_pipeline::encoder::Settings,
    pub(crate) origin: tallylight_pipeline::origin::Settings,
    pub(crate) edge: tallylight_pipeline::edge::Settings,
    pub(crate) steering: tallylight_pipeline::steering::Settings,
    pub(crate) audience: tallylight_audience::Settings,
}

fn local(base: u16, offset: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], base + offset))
}

fn url(base: u16, offset: u16) -> String {
    format!("http://{}", local(base, offset))
}

impl Settings {
    /// The demo on these ports.
    fn on_ports(base: u16) -> Self {
        let mut s = Self { data_dir: PathBuf::from("data"), ..Self::default() };
        s.dashboard.listen = local(base, 0);
        s.collector.listen = local(base, 1);
        s.origin.listen = local(base, 10);
        s.edge.listen = local(base, 11);
        s.steering.listen = local(base, 20);
        s.dashboard.upstreams.collector = url(base, 1);
        s.dashboard.upstreams.steering = url(base, 20);
        s.dashboard.upstreams.edges = BTreeMap::from([("e1".to_owned(), url(base, 11))]);
        s.encoder.origin_url = url(base, 10);
        s.edge.origin_url = url(base, 10);
        s.steering.origin_url = url(base, 10);
        s.steering.edge_url = url(base, 11);
        let collector = url(base, 1);
        s.encoder.collector_url = Some(collector.clone());
        s.origin.collector_url = Some(collector.clone());
        s.edge.collector_url = Some(collector.clone());
        s.steering.collector_url = Some(collector.clone());
        s.audience.collector_url = collector;
        s.audience.steering_url = url(base, 20);
        s
    }

    /// Reads and checks everything.
    pub(crate) fn load(global: &Global) -> anyhow::Result<Self> {
        let base = global.ports.unwrap_or(PORTS);
        if base > u16::MAX - 100 {
            bail!("--ports {base}: there must be room for 100 ports above it");
        }
        let mut figment = Figment::from(Serialized::defaults(Self::on_ports(base)));
        if let Some(file) = &global.config {
            if !file.exists() {
                bail!("--config {}: no such file", file.display());
            }
            figment = figment.merge(Toml::file(file));
        }
        // TALLYLIGHT_LOG is the filter of the program's own log, not a setting.
        figment = figment.merge(Env::prefixed("TALLYLIGHT_").ignore(&["log", "soak"]).split("__"));
        let mut settings: Self = figment.extract().context("the settings cannot be read")?;
        if let Some(data) = &global.data {
            settings.data_dir.clone_from(data);
        }
        settings.origin.media_dir = Some(settings.data_dir.join("media"));
        settings.dashboard.data = Some(settings.data_dir.clone());
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        let all = [
            ("collector", self.collector.validate()),
            ("processor", self.processor.validate()),
            ("dashboard", self.dashboard.validate()),
            ("encoder", self.encoder.validate()),
            ("origin", self.origin.validate()),
            ("edge", self.edge.validate()),
            ("steering", self.steering.validate()),
            ("audience", self.audience.validate()),
        ];
        let mistakes: Vec<String> = all
            .into_iter()
            .flat_map(|(name, result)| {
                let mistakes = result.err().unwrap_or_default();
                mistakes.into_iter().map(move |mistake| format!("  {name}: {mistake}"))
            })
            .collect();
        if mistakes.is_empty() {
            return Ok(());
        }
        bail!("the settings have mistakes:\n{}", mistakes.join("\n"))
    }

    /// Prints what would be used, as TOML that `--config` reads.
    #[allow(clippy::print_stdout, reason = "the answer of a command")]
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        println!("{}", toml::to_string_pretty(self)?);
        Ok(())
    }

    /// Who listens where.
    pub(crate) fn listeners(&self) -> [(&'static str, SocketAddr); 5] {
        [
            ("dashboard", self.dashboard.listen),
            ("collector", self.collector.listen),
            ("origin", self.origin.listen),
            ("edge", self.edge.listen),
            ("steering", self.steering.listen),
        ]
    }

    /// Where the children of these names listen.
    pub(crate) fn listeners_of(&self, children: &[&str]) -> Vec<SocketAddr> {
        let process = |service| match service {
            "dashboard" | "collector" => "data",
            other => other,
        };
        let all = self.listeners().into_iter();
        all.filter(|(name, _)| children.contains(&process(*name))).map(|(_, at)| at).collect()
    }

    /// The address to open.
    pub(crate) fn dashboard_url(&self) -> String {
        format!("http://{}", self.dashboard.listen)
    }
}
