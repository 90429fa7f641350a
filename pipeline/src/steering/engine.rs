//! The loop: gather what is known, decide, do it, write it down.

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

/// Between two decisions.
const EVERY: Duration = Duration::from_millis(500);
/// How long the start waits for what the log knows.
const RESTORE: Duration = Duration::from_secs(10);
/// The same where a dashboard begins to tell it, which may be reading rows for half a minute.
const RESTORE_TOLD: Duration = Duration::from_secs(60);
/// The origin may take so long over a mask.
pub(super) const MASK_WITHIN: Duration = Duration::from_secs(2);
/// The target name of the prober's requests to the origin; no edge is called so.
pub(super) const ORIGIN: &str = "(origin)";

impl Steering {
    /// Everything that is known now.
    pub(super) fn inputs(&self, now_ms: i64) -> Inputs {
        let (lately, moves) = {
            let state = self.state();
            let lately = self.asked.lately(&state.routes, state.policy.gone_ms(), now_ms);
            (lately, self.asked.moves(state.policy.moves_ms(), now_ms))
        };
        let window = self.feed.window();
        let edge = |settings: &EdgeSettings| {
            let name = &settings.name;
            let (probes, load) = self.prober.of(name, now_ms);
            // Another CDN does not say what it carries; who was sent there is known.
            let reckoned = settings.probe_url.is_some().then(|| {
                let sessions = lately.sent.get(name).copied().unwrap_or(0);
                let kbps = u64::from(self.settings.session_kbps);
                let reserved_kbps = u64::try_from(sessions).unwrap_or(0) * kbps;
                Load { capacity_kbps: settings.capacity_kbps, reserved_kbps, sessions }
            });
            let seconds = window.seconds(name);
            (name.clone(), Edge { probes, seconds, load: load.or(reckoned) })
        };
        Inputs {
            feed: window.trust(now_ms),
            edges: self.settings.edges.iter().map(edge).collect(),
            origin: self.prober.of(ORIGIN, now_ms).0,
            pipelines: self.copies.pipelines(),
            devices: window.devices(),
            top_kbps: self.top_kbps(),
            low: self.has_low(),
            places: lately.places,
            stands_for: lately.stands_for,
            sent: lately.sent,
            moves,
        }
    }

    /// What a viewer at the top rung takes, with sound; 0 while no ladder is known.
    fn top_kbps(&self) -> u64 {
        let stream = self.settings.streams.first();
        let Some(ladder) = stream.and_then(|stream| self.ladders.get(stream)).flatten() else {
            return 0;
        };
        let most = |video: bool| {
            let tracks = ladder.tracks.iter().filter(|track| track.is_video() == video);
            tracks.map(|track| track.bandwidth).max().unwrap_or(0)
        };
        (most(true) + most(false)).div_ceil(1_000)
    }

    /// Whether manifests name low pathways: others', by the settings, or ours.
    fn has_low(&self) -> bool {
        let mut streams = self.settings.streams.iter();
        let ours = streams.any(|stream| {
            let ladder = self.ladders.get(stream).flatten();
            ladder.is_some_and(|ladder| low_kbps(&ladder).is_some())
        });
        ours || self.settings.low_pathways
    }

    /// Writes down what was decided, and does what is to be done elsewhere.
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
                    tracing::warn!(%error, pipeline, "the origin cannot be told of a mask")
                }
            }
        }
    }
}

/// Decides until aborted.
pub(super) async fn run(app: Arc<Steering>) {
    let started = Instant::now();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (whole, told) = {
            let window = app.feed.window();
            (window.is_whole(), window.trust(app.clock.now_ms()).connected)
        };
        if whole || started.elapsed() >= if told { RESTORE_TOLD } else { RESTORE } {
            break;
        }
        ticks.tick().await;
    }
    restore(&app);
    // What was known only later belongs to a run before this one all the same.
    let mut late = !app.feed.window().is_whole();
    loop {
        ticks.tick().await;
        if late && app.feed.window().is_whole() {
            restore(&app);
            late = false;
        }
        let now = app.clock.now_ms();
        let inputs = app.inputs(now);
        let effects = {
            let mut state = app.state();
            let (next, effects) = decide(state.clone(), &inputs, now);
            *state = next;
            effects
        };
        app.carry_out(effects);
    }
}

fn restore(app: &Arc<Steering>) {
    let (incidents, actions) = app.feed.window().records();
    let mut effects = Vec::new();
    app.state().restore(incidents, actions, app.clock.now_ms(), &mut effects);
    app.carry_out(effects);
    app.ready.store(true, std::sync::atomic::Ordering::Relaxed);
}
