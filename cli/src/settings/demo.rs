//! The demo's settings: everything on this machine, on ports offset from a base.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::bail;

use super::Settings;
use crate::log::LogSettings;

fn local(base: u16, offset: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], base + offset))
}

fn url(base: u16, offset: u16) -> String {
    format!("http://{}", local(base, offset))
}

/// The demo's edges and the offsets of their ports from the base.
const EDGES: [(&str, u16); 2] = [("e1", 11), ("e2", 12)];

fn demo_edge(name: &str, base: u16, at: u16) -> (String, tallylight_pipeline::edge::Settings) {
    let edge = tallylight_pipeline::edge::Settings {
        name: name.to_owned(),
        listen: local(base, at),
        origin_url: url(base, 10),
        collector_url: Some(url(base, 1)),
        ..Default::default()
    };
    (name.to_owned(), edge)
}

impl Settings {
    /// The demo on these ports.
    pub(super) fn on_ports(base: u16) -> Self {
        let mut s = Self {
            data_dir: PathBuf::from("data"),
            service_key: None,
            control: local(base, 30),
            pipelines: vec!["A".to_owned(), "B".to_owned()],
            log: LogSettings::default(),
            processor_listen: local(base, 2),
            history: tallylight_store::history::Settings::default(),
            collector: Default::default(),
            processor: Default::default(),
            dashboard: Default::default(),
            encoder: Default::default(),
            origin: Default::default(),
            edges: EDGES.iter().map(|(name, at)| demo_edge(name, base, *at)).collect(),
            steering: Default::default(),
            audience: Default::default(),
        };
        s.dashboard.listen = local(base, 0);
        s.collector.listen = local(base, 1);
        s.origin.listen = local(base, 10);
        s.steering.listen = local(base, 20);
        s.dashboard.upstreams.collector = url(base, 1);
        // The dashboard forwards beacons of its pages with the sender's address.
        let here = ["127.0.0.0/8", "::1/128"];
        s.collector.enrich.trusted_proxies =
            here.iter().filter_map(|network| network.parse().ok()).collect();
        s.dashboard.upstreams.steering = url(base, 20);
        s.dashboard.upstreams.faults = Some(url(base, 30));
        s.dashboard.upstreams.edges =
            EDGES.iter().map(|(name, at)| ((*name).to_owned(), url(base, *at))).collect();
        s.encoder.origin_url = url(base, 10);
        s.steering.origin_url = Some(url(base, 10));
        let pathway = |(name, at): &(&str, u16)| tallylight_pipeline::steering::EdgeSettings {
            name: (*name).to_owned(),
            url: url(base, *at),
            path: format!("/{name}"),
            capacity_kbps: tallylight_pipeline::edge::Settings::default().capacity_kbps,
            probe_url: None,
        };
        s.steering.edges = EDGES.iter().map(pathway).collect();
        let collector = url(base, 1);
        s.encoder.collector_url = Some(collector.clone());
        s.origin.collector_url = Some(collector.clone());
        s.steering.collector_url = Some(collector.clone());
        s.steering.feed_url = Some(url(base, 0));
        s.audience.collector_url = collector;
        s.audience.steering_url = url(base, 20);
        s
    }

    /// Removes the services that make and carry media; pathways are then only those named in the
    /// settings.
    pub(super) fn drop_demo(&mut self) {
        self.pipelines.clear();
        self.edges.clear();
        self.dashboard.upstreams.edges.clear();
        self.steering.edges.clear();
        self.steering.origin_url = None;
    }

    /// Fails if the file or the environment has brought back what [`Self::drop_demo`] removed.
    pub(super) fn refuse_demo(&self) -> anyhow::Result<()> {
        let pipelines = (!self.pipelines.is_empty()).then_some("pipelines");
        let edges = (!self.edges.is_empty()).then_some("edges");
        let set: Vec<&str> = pipelines.into_iter().chain(edges).collect();
        if set.is_empty() {
            return Ok(());
        }
        bail!(
            "--no-demo runs no encoders and no edges, but the settings' file or the environment \
             sets {}: remove it there, or leave the flag out",
            set.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io::Write;

    use clap::Parser;

    use super::Settings;

    /// What `--no-demo` makes of this file.
    fn without_demo(toml: &str) -> Result<Settings, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let words = ["tallylight", "config", "--no-demo", "--config"].map(OsStr::new);
        let words = words.into_iter().chain([file.path().as_os_str()]);
        let cli = crate::Cli::parse_from(words);
        Settings::load(&cli.global).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_demo_in_the_settings_contradicts_the_flag_that_drops_it() {
        for file in ["", "pipelines = []"] {
            let settings = without_demo(file).unwrap();
            assert!(!settings.has_media() && settings.edges.is_empty(), "{file:?}");
        }
        for (file, set) in [
            ("pipelines = [\"A\"]", "sets pipelines: "),
            ("[edges.e1]", "sets edges: "),
            ("pipelines = [\"A\"]\n[edges.e1]", "sets pipelines and edges: "),
        ] {
            let refused = without_demo(file).unwrap_err();
            assert!(refused.contains("--no-demo") && refused.contains(set), "{refused}");
        }
    }
}
