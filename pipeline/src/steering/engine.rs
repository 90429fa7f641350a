//! The loop: gather the inputs, decide, act, and write records.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Steering;
use super::pure::decide::decide;
use super::pure::inputs::{Edge, Inputs, Load};
use super::pure::state::Effect;
use super::settings::EdgeSettings;
use crate::manifest::low_kbps;
use crate::serve::upstream::signed;

/// The interval between two decisions.
const EVERY: Duration = Duration::from_millis(500);
/// How long nothing is decided while the state in the log is waited for. After that, incidents are
/// named and dead edges closed; nothing is offered before it has been read.
const RESTORE: Duration = Duration::from_secs(10);
/// The same while a dashboard is sending its snapshot, which may take half a minute.
const RESTORE_BEGUN: Duration = Duration::from_secs(60);
/// After this long, what the dashboard has shown is taken for all: a partition that stays silent
/// must not keep moved viewers from where they are.
const RESTORE_LATEST: Duration = Duration::from_secs(120);
/// Timeout of a mask request to the origin.
pub(super) const MASK_WITHIN: Duration = Duration::from_secs(2);
/// The target name of the prober's requests to the origin; no edge has this name.
pub(super) const ORIGIN: &str = "(origin)";

impl Steering {
    /// All current inputs.
    pub(super) fn inputs(&self, now_ms: i64) -> Inputs {
        let (placements, moves) = {
            let state = self.state.lock();
            let placements =
                self.sessions.placements(&state.routes, state.policy.gone_ms(), now_ms);
            (placements, self.sessions.moves(state.policy.moves_ms(), now_ms))
        };
        let window = self.feed.window.lock();
        let edge = |settings: &EdgeSettings| {
            let name = &settings.name;
            let (probes, load) = self.prober.of(name, now_ms);
            // Another CDN does not report its load; the number of sessions sent there is known.
            let reckoned = settings.probe_url.is_some().then(|| {
                let sessions = placements.sent.get(name).copied().unwrap_or(0);
                let kbps = u64::from(self.settings.session_kbps);
                let reserved_kbps = u64::try_from(sessions).unwrap_or(0) * kbps;
                let capacity_kbps = settings.capacity_kbps;
                Load { capacity_kbps, reserved_kbps, sessions, reckoned: true }
            });
            let seconds = window.seconds(name);
            (name.clone(), Edge { probes, seconds, load: load.or(reckoned) })
        };
        let pipelines = self.copies.pipelines();
        Inputs {
            feed: window.trust(now_ms),
            edges: self.settings.edges.iter().map(edge).collect(),
            origin: self.prober.of(ORIGIN, now_ms).0,
            origin_answers: pipelines.is_some(),
            pipelines: pipelines.unwrap_or_default(),
            devices: window.devices(),
            top_kbps: self.ladders.top_kbps(),
            low: self.has_low(),
            places: placements.places,
            stands_for: placements.stands_for,
            sent: placements.sent,
            moves,
        }
    }

    /// Whether manifests name low pathways: those of others, by the settings, or ours.
    fn has_low(&self) -> bool {
        let mut streams = self.settings.streams.iter();
        let ours = streams.any(|stream| {
            let ladder = self.ladders.get(stream).flatten();
            ladder.is_some_and(|ladder| low_kbps(&ladder).is_some())
        });
        ours || self.settings.low_pathways
    }

    /// Records what was decided and carries out what is to be done elsewhere.
    pub(super) fn carry_out(self: &Arc<Self>, effects: Vec<Effect>) {
        for effect in effects {
            self.records.push(&effect);
            match &effect {
                Effect::Action(row) => {
                    tracing::info!(id = row.id, title = row.title, state = ?row.state, "action")
                }
                Effect::Incident(row) => {
                    tracing::info!(id = row.id, cause = row.cause, state = ?row.state, "incident")
                }
                Effect::Mask { pipeline, on } => {
                    let (app, pipeline, on) = (self.clone(), pipeline.clone(), *on);
                    tokio::spawn(async move { app.mask(&pipeline, on).await });
                }
            }
        }
    }

    async fn mask(&self, pipeline: &str, on: bool) {
        let Some(url) = &self.settings.origin_url else { return };
        let base = url.trim_end_matches('/');
        for stream in &self.settings.streams {
            let url = format!("{base}/live/{stream}/masks/{pipeline}");
            let request = if on { self.masks.put(&url) } else { self.masks.delete(&url) };
            let request = request.json(&serde_json::json!({}));
            match signed(request, self.settings.service_key.as_deref()).send().await {
                Ok(answer) if answer.status().is_success() => {}
                Ok(answer) => {
                    tracing::warn!(status = %answer.status(), pipeline, "the origin refused a mask")
                }
                Err(error) => {
                    tracing::warn!(%error, pipeline, "the origin could not be asked for a mask")
                }
            }
        }
    }
}

/// Runs until aborted.
pub(super) async fn run(app: Arc<Steering>) {
    let (started, since_ms) = (Instant::now(), app.clock.now_ms());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !restore(&app, Some(since_ms)) && started.elapsed() < patience(&app) {
        ticks.tick().await;
    }
    loop {
        ticks.tick().await;
        restore(&app, (started.elapsed() < RESTORE_LATEST).then_some(since_ms));
        let now = app.clock.now_ms();
        let inputs = app.inputs(now);
        let effects = {
            let mut state = app.state.lock();
            let (next, effects) = decide(state.clone(), &inputs, now);
            *state = next;
            effects
        };
        app.carry_out(effects);
    }
}

fn patience(app: &Steering) -> Duration {
    if app.feed.window.lock().is_reading() { RESTORE_BEGUN } else { RESTORE }
}

/// Restores the state in the log, once, as soon as all that was in it at the start (`since_ms`) has
/// been read: a part of it would send moved viewers home. Without a time, what was read will do.
/// Whether that is done.
fn restore(app: &Arc<Steering>, since_ms: Option<i64>) -> bool {
    if app.state.lock().restored {
        return true;
    }
    let (incidents, actions) = {
        let window = app.feed.window.lock();
        if !since_ms.map_or(window.is_whole(), |since_ms| window.has_read(since_ms)) {
            return false;
        }
        window.records()
    };
    let mut effects = Vec::new();
    app.state.lock().restore(incidents, actions, app.clock.now_ms(), &mut effects);
    app.carry_out(effects);
    true
}
