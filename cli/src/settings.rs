//! Settings of everything (ADR 11): compiled-in defaults, then a TOML file, then the
//! environment (`TALLYLIGHT_COLLECTOR__FLUSH_MS=50`), then flags, but for `--ports` and
//! `--no-demo`, which change the defaults. An unknown key or a value of the wrong type is refused,
//! the first one alone; all other mistakes are reported together.

mod demo;
mod file;
mod mistake;
#[cfg(test)]
mod page;
mod together;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use figment::Figment;
use figment::providers::{Env, Serialized};
use serde::{Deserialize, Serialize};

use crate::lines;
use crate::log::{LogKind, LogSettings};
use file::File;

/// The default of `--ports`.
const PORTS: u16 = 7_700;

/// Flags that every subcommand takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// A TOML file of settings; `tallylight config` shows the keys (docs/settings.md).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Moves the defaults of all ports: dashboard BASE, collector +1, a processor of its own +2,
    /// origin +10, edges +11 and +12, steering +20, `up` itself +30. What the file or the
    /// environment sets stays.
    #[arg(long, global = true, value_name = "BASE")]
    ports: Option<u16>,
    /// The folder of everything kept; deleting it is a clean start.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the log is: `disk`, in the data folder, or `kafka://HOST:PORT,HOST:PORT`; with
    /// Kafka the collector, the processor and the dashboard are processes of their own.
    #[arg(long, global = true, value_name = "LOG")]
    log: Option<String>,
    /// No encoders, origin, edges, audience or fault switches: for your own players and CDNs, named
    /// as steering pathways in the settings (docs/steering.md). The file and the environment may
    /// then set no `pipelines` and no `edges`.
    #[arg(long, global = true)]
    pub(crate) no_demo: bool,
    /// Set by `up` for its children.
    #[arg(long, global = true, hide = true)]
    pub(crate) supervisor_pid: Option<i32>,
    /// Set by `up` for its children: the child's name, so that `ps` and tests can tell them
    /// apart.
    #[arg(long, global = true, hide = true, value_name = "NAME")]
    pub(crate) child: Option<String>,
}

impl Global {
    /// The same for processes that read the file again.
    pub(crate) fn to_hand_on(&self) -> anyhow::Result<Self> {
        let config = self.config.as_deref().map(file::to_read_again).transpose()?;
        Ok(Self { config, ..self.clone() })
    }

    /// The same flags for a child.
    pub(crate) fn as_args(&self) -> Vec<OsString> {
        let config = self.config.as_ref().map(|file| flag("--config=", file));
        let ports = self.ports.map(|base| flag("--ports=", base.to_string()));
        let data = self.data.as_ref().map(|folder| flag("--data=", folder));
        let log = self.log.as_ref().map(|log| flag("--log=", log));
        let no_demo = self.no_demo.then(|| "--no-demo".into());
        [config, ports, data, log, no_demo].into_iter().flatten().collect()
    }
}

/// A flag and its value as one word: the value may begin with a dash, and a path need not be text.
pub(crate) fn flag(name: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut word = OsString::from(name);
    word.push(value);
    word
}

/// A port that a child of `up` holds.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The child's name.
    pub(crate) child: String,
    /// What listens there.
    pub(crate) what: String,
    pub(crate) at: SocketAddr,
}

/// What all services share.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The folder of everything kept; deleting it is a clean start.
    pub(crate) data_dir: PathBuf,
    /// The pipelines that `up` runs an encoder for. They share `encoder`'s settings, which
    /// define the source, and nothing else.
    pub(crate) pipelines: Vec<String>,
    /// What our services prove to each other by, 16 to 256 characters of ASCII without spaces that
    /// nobody can guess, for each that has no `service_key` of its own; `up` makes one up for its
    /// children.
    pub(crate) service_key: Option<String>,
    /// Where `up` itself listens, on this machine only: the fault switches.
    pub(crate) control: SocketAddr,
    pub(crate) log: LogSettings,
    /// Where a processor that runs alone answers dashboards (which learn it from Kafka), `/metrics`,
    /// `/healthz` and `/readyz`.
    pub(crate) processor_listen: SocketAddr,
    pub(crate) history: tallylight_store::history::Settings,
    pub(crate) collector: tallylight_collector::Settings,
    pub(crate) processor: tallylight_stream_processor::Settings,
    pub(crate) dashboard: tallylight_dashboard::Settings,
    pub(crate) encoder: tallylight_pipeline::encoder::Settings,
    pub(crate) origin: tallylight_pipeline::origin::Settings,
    /// The edges that `up` runs, each as a process of its own; what steering may count on is their
    /// `capacity_kbps` here.
    pub(crate) edges: BTreeMap<String, tallylight_pipeline::edge::Settings>,
    pub(crate) steering: tallylight_pipeline::steering::Settings,
    pub(crate) audience: tallylight_audience::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self::on_ports(PORTS)
    }
}

impl Settings {
    /// The settings of one edge.
    pub(crate) fn edge(&self, name: &str) -> anyhow::Result<tallylight_pipeline::edge::Settings> {
        let known = || self.edges.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let edge = self.edges.get(name).cloned();
        edge.with_context(|| format!("--name {name}: the settings know the edges {}", known()))
    }

    /// Reads and checks everything.
    pub(crate) fn load(global: &Global) -> anyhow::Result<Self> {
        let base = global.ports.unwrap_or(PORTS);
        if base > u16::MAX - 100 {
            bail!("--ports {base}: there must be room for 100 ports above it");
        }
        let mut defaults = Self::on_ports(base);
        if global.no_demo {
            defaults.drop_demo();
        }
        let mut figment = Figment::from(Serialized::defaults(defaults));
        if let Some(file) = &global.config {
            figment = figment.merge(File::read(file)?);
        }
        // TALLYLIGHT_LOG is the filter of the program's own log, not a setting.
        figment = figment.merge(Env::prefixed("TALLYLIGHT_").ignore(&["log", "soak"]).split("__"));
        let mut settings: Self = figment.extract().map_err(|error| {
            anyhow::anyhow!("the settings have a mistake:\n  {}", mistake::described(&error))
        })?;
        if let Some(data) = &global.data {
            settings.data_dir.clone_from(data);
        }
        if let Some(log) = &global.log {
            settings.log.apply(log)?;
        }
        // An edge's key is its name; saying it twice would only let the two differ.
        settings.edges.iter_mut().for_each(|(name, edge)| edge.name.clone_from(name));
        // Whom the origin waits for are those that run.
        settings.origin.pipelines.clone_from(&settings.pipelines);
        settings.share_service_key();
        // What an edge enforces is what steering may count on.
        for edge in &mut settings.steering.edges {
            if let Some(own) = settings.edges.get(&edge.name) {
                edge.capacity_kbps = own.capacity_kbps;
            }
        }
        settings.origin.media_dir = Some(settings.data_dir.join("media"));
        settings.dashboard.data = Some(settings.data_dir.clone());
        if global.no_demo {
            settings.refuse_demo()?;
        }
        settings.check()?;
        Ok(settings)
    }

    /// Whether there is an origin, and what fills it.
    pub(crate) fn has_media(&self) -> bool {
        !self.pipelines.is_empty()
    }

    /// Every service that was not given a key of its own has the common one.
    fn share_service_key(&mut self) {
        let edges = self.edges.values_mut().map(|edge| &mut edge.service_key);
        let others = [
            &mut self.collector.service_key,
            &mut self.encoder.service_key,
            &mut self.origin.service_key,
            &mut self.steering.service_key,
        ];
        for key in edges.chain(others) {
            if key.is_none() {
                key.clone_from(&self.service_key);
            }
        }
    }

    /// All mistakes, together.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let guarded = |at: SocketAddr| match tallylight_serve::exposed(at, false) {
            None => Ok(()),
            Some(_) => Err(vec![format!("{at} has no sign-in: listen on 127.0.0.1")]),
        };
        let data_dir = match self.data_dir.as_os_str().is_empty() {
            true => Err(vec!["it is empty; name a folder".to_owned()]),
            false => Ok(()),
        };
        let mut all = vec![
            ("data_dir".to_owned(), data_dir),
            ("control".to_owned(), guarded(self.control)),
            ("processor_listen".to_owned(), guarded(self.processor_listen)),
            ("log".to_owned(), self.log.validate()),
            ("history".to_owned(), self.history.validate()),
            ("collector".to_owned(), self.collector.validate()),
            ("processor".to_owned(), self.processor.validate()),
            ("dashboard".to_owned(), self.dashboard.validate()),
            ("steering".to_owned(), self.steering.validate()),
            ("audience".to_owned(), self.audience.validate()),
        ];
        if self.has_media() {
            all.push(("origin".to_owned(), self.origin.validate()));
        }
        for pipeline in &self.pipelines {
            let encoder = tallylight_pipeline::encoder::Settings {
                pipeline: pipeline.clone(),
                ..self.encoder.clone()
            };
            all.push((format!("encoder of pipeline {pipeline:?}"), encoder.validate()));
        }
        for (name, edge) in &self.edges {
            all.push((format!("edges.{name}"), edge.validate()));
        }
        let told = all.into_iter().flat_map(|(name, result)| {
            let mistakes = result.err().unwrap_or_default();
            mistakes.into_iter().map(move |mistake| format!("  {name}: {mistake}"))
        });
        let contradictions = self.contradictions().into_iter().map(|told| format!("  {told}"));
        let mistakes: Vec<String> = told.chain(contradictions).collect();
        if mistakes.is_empty() {
            return Ok(());
        }
        bail!("the settings have mistakes:\n{}", mistakes.join("\n"))
    }

    /// Prints what would be used, as TOML that `--config` reads.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let text = toml::to_string_pretty(self)?;
        lines::is_read(writeln!(std::io::stdout(), "{text}"))?;
        Ok(())
    }

    /// Which child of `up` listens where, and what for.
    pub(crate) fn listeners(&self) -> Vec<Listener> {
        let one = |child: &str, what: &str, at| Listener {
            child: child.to_owned(),
            what: what.to_owned(),
            at,
        };
        let mut all = match self.log.kind {
            LogKind::Disk => vec![
                one("data", "dashboard", self.dashboard.listen),
                one("data", "collector", self.collector.listen),
            ],
            LogKind::Kafka => vec![
                one("dashboard", "dashboard", self.dashboard.listen),
                one("collector", "collector", self.collector.listen),
                one("processor", "processor", self.processor_listen),
            ],
        };
        all.extend([
            one("steering", "steering", self.steering.listen),
            one("up", "the control of `up`", self.control),
        ]);
        if self.has_media() {
            all.push(one("origin", "origin", self.origin.listen));
            let edges = self.edges.iter().map(|(name, edge)| (format!("edge-{name}"), edge.listen));
            all.extend(edges.map(|(name, at)| one(&name, &name, at)));
        }
        all
    }

    /// The address to open.
    pub(crate) fn dashboard_url(&self) -> String {
        format!("http://{}", self.dashboard.listen)
    }
}
