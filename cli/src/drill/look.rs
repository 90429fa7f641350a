//! One look at a running platform, over the HTTP that operators use.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tallylight_audience::plan::STUCK_DEVICE;
use tallylight_schemas::clock::{Clock, WallClock};

/// A larger share of stalled viewers is the effect of a fault: a few always stall.
const STALLED: f64 = 0.05;
/// A larger share of viewers on a bad edge is the effect of a fault.
const ON_BAD_EDGE: f64 = 0.05;

/// A viewer that was moved within this time may not be moved again, ms: a minute and a TTL, with a
/// margin.
const MOVED_LATELY_MS: i64 = 66_000;

/// The child whose fault breaks one TV model.
const AUDIENCE: &str = "audience";

/// The fields of an incident that a drill reads.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) cause: String,
    culprit: String,
    name: Option<String>,
    state: String,
}

#[derive(Debug, Deserialize)]
struct Edge {
    health: String,
    viewers: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Action {
    /// When its record was last written, Unix ms: the outcome is written when it ends.
    updated_at: i64,
}

#[derive(Debug, Deserialize)]
struct Steering {
    edges: Vec<Edge>,
    incidents: Vec<Incident>,
    actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
struct Session {
    state: Option<String>,
    device: Option<String>,
    ended_at: Option<i64>,
    first_frame_at: Option<i64>,
}

/// The state of the platform at one moment.
#[derive(Debug, Clone)]
pub(super) struct Look {
    incidents: Vec<Incident>,
    /// Ids of incidents that are not closed.
    pub(super) open: BTreeSet<String>,
    /// Share of viewers whose picture is stalled.
    stalled: f64,
    /// The same among viewers of the TV model that can be broken.
    stalled_tv: f64,
    /// Share of viewers on a bad edge.
    on_bad_edge: f64,
    edges_good: bool,
    /// Some viewers may not be moved again yet (ADR 19), so that a run begun now would measure the
    /// effect of the run before.
    moved_lately: bool,
}

impl Look {
    /// Share of affected viewers: of all, or of the TV model if the fault is its own.
    pub(super) fn hit(&self, target: &str) -> f64 {
        if target == AUDIENCE { self.stalled_tv } else { self.stalled.max(self.on_bad_edge) }
    }

    /// Whether the share is larger than without a fault.
    pub(super) fn is_hit(&self, target: &str) -> bool {
        match target {
            AUDIENCE => self.stalled_tv > 0.0,
            _ => self.stalled > STALLED || self.on_bad_edge > ON_BAD_EDGE,
        }
    }

    pub(super) fn is_calm(&self) -> bool {
        self.open.is_empty() && self.edges_good && !self.moved_lately && !self.is_hit("")
    }

    /// An incident that names the child `target` and was not open `before`.
    pub(super) fn named(&self, target: &str, before: &BTreeSet<String>) -> Option<&Incident> {
        let (culprit, name) = match target.split_once('-') {
            Some(("edge", name)) => ("edge", Some(name.to_owned())),
            Some(("encoder", name)) => ("encoder", Some(name.to_uppercase())),
            _ if target == AUDIENCE => ("device", None),
            _ => (target, None),
        };
        self.incidents.iter().find(|row| {
            !before.contains(&row.id)
                && self.open.contains(&row.id)
                && row.culprit == culprit
                && (name.is_none() || row.name == name)
        })
    }
}

/// Queries a dashboard.
#[derive(Debug)]
pub(super) struct Looker {
    client: reqwest::Client,
    base: String,
}

impl Looker {
    pub(super) fn new(base: String) -> anyhow::Result<Self> {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { client, base })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{path} answers {status}: {text}");
        }
        serde_json::from_str(&text)
            .with_context(|| format!("{path} gives an answer that cannot be read"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await?;
        if !answer.status().is_success() {
            bail!("{path} answers {}: {}", answer.status(), answer.text().await?);
        }
        Ok(())
    }

    pub(super) async fn look(&self) -> anyhow::Result<Look> {
        let steering: Steering = self.get("/v1/steering").await?;
        let sessions: Vec<Session> = self.get("/v1/sessions?limit=1000").await?;
        let watching: Vec<&Session> = sessions
            .iter()
            .filter(|one| one.ended_at.is_none() && one.first_frame_at.is_some())
            .collect();
        let is_stalled = |one: &&Session| matches!(one.state.as_deref(), Some("r" | "w"));
        let of_all = |part: i64, all: i64| if all > 0 { part as f64 / all as f64 } else { 0.0 };
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let share = |of: &[&Session]| {
            of_all(count(of.iter().filter(|one| is_stalled(one)).count()), count(of.len()))
        };
        let tvs: Vec<&Session> = watching
            .iter()
            .copied()
            .filter(|one| one.device.as_deref() == Some(STUCK_DEVICE))
            .collect();
        let on_edges: i64 = steering.edges.iter().filter_map(|edge| edge.viewers).sum();
        let bad_edges = steering.edges.iter().filter(|edge| edge.health == "bad");
        let on_bad_edges: i64 = bad_edges.filter_map(|edge| edge.viewers).sum();
        let lately = WallClock.now_ms() - MOVED_LATELY_MS;
        let open = steering.incidents.iter().filter(|row| row.state != "closed");
        Ok(Look {
            open: open.map(|row| row.id.clone()).collect(),
            stalled: share(&watching),
            stalled_tv: share(&tvs),
            on_bad_edge: of_all(on_bad_edges, on_edges),
            edges_good: steering.edges.iter().all(|edge| edge.health == "good"),
            moved_lately: steering.actions.iter().any(|action| action.updated_at > lately),
            incidents: steering.incidents,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(culprit: &str, name: Option<&str>) -> Look {
        let incident = Incident {
            id: "new".into(),
            cause: String::new(),
            culprit: culprit.into(),
            name: name.map(str::to_owned),
            state: "open".into(),
        };
        Look {
            open: ["new".to_owned()].into(),
            incidents: vec![incident],
            stalled: 0.0,
            stalled_tv: 0.0,
            on_bad_edge: 0.0,
            edges_good: true,
            moved_lately: false,
        }
    }

    #[test]
    fn only_a_new_incident_that_names_the_very_part_counts() {
        let none = BTreeSet::new();
        let named = |look: &Look, target: &str| look.named(target, &none).is_some();
        let edge = look("edge", Some("e1"));
        assert!(named(&edge, "edge-e1") && !named(&edge, "edge-e2") && !named(&edge, "origin"));
        assert!(named(&look("encoder", Some("A")), "encoder-a"));
        assert!(!named(&look("encoder", Some("A")), "encoder-b"));
        assert!(named(&look("origin", None), "origin"));
        assert!(named(&look("device", Some("tv-x900")), "audience"));
        assert!(edge.named("edge-e1", &edge.open).is_none(), "it was open before the click");
    }
}
