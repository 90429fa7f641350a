//! Prometheus metrics that origin, edge and steering share. Each service registers its own
//! further counters, so that none exports another's as always zero.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::report::Reporter;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    status: u16,
}

/// Counters of one HTTP service, under `tallylight_<service>_`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    /// Body bytes sent.
    pub bytes_sent: Counter,
    /// Microseconds for which requests were held for the schedule.
    pub held_us: Counter,
    /// Requests made to the upstream service.
    pub upstream: Counter,
    /// Requests turned away because too many were waiting.
    pub turned_away: Counter,
}

/// The methods that are counted by name; anything else is `other`.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

impl Metrics {
    /// Fresh counters, and those of `reporter`.
    pub fn new(service: &str, reporter: &Reporter) -> Self {
        let mut registry = Registry::with_prefix(format!("tallylight_{service}"));
        let mut counter = |name: &str, help: &str| register(&mut registry, name, help);
        let bytes_sent = counter("sent_bytes", "Body bytes sent");
        let held_us = counter("held_microseconds", "Time requests waited for the schedule");
        let upstream = counter("upstream_requests", "Requests made to the service behind");
        let turned_away = counter("turned_away", "Requests refused because too many were waiting");
        let requests = Family::<Labels, Counter>::default();
        registry.register("requests", "HTTP requests by method and status", requests.clone());
        registry.register_collector(Box::new(Events(reporter.clone())));
        Self { registry, requests, bytes_sent, held_us, upstream, turned_away }
    }

    /// A counter of this service alone, exported with the others.
    pub fn counter(&mut self, name: &str, help: &str) -> Counter {
        register(&mut self.registry, name, help)
    }

    /// Counts one answered request.
    pub fn answered(&self, method: &str, status: u16) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        self.requests.get_or_create(&Labels { method, status }).inc();
    }

    /// The registry that `/metrics` exports.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

/// A fresh counter in `registry`.
fn register(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

/// The reporter's own counts, read when scraped.
#[derive(Debug)]
struct Events(Reporter);

impl Collector for Events {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.0.counts();
        let rows = [
            ("events_reported", "Delivery events the collector accepted", counts.reported),
            ("events_lost", "Delivery events dropped before the collector had them", counts.lost),
        ];
        for (name, help, value) in rows {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}
