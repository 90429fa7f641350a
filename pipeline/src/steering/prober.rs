//! The prober: a client pinned to each edge, so that an edge without viewers has a known health
//! too. Each second it requests the newest segment that is due, records the time to first byte
//! without the hold for the schedule, and reads the edge's load. Its requests are marked as probes;
//! edges count them neither as viewers nor as requests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::Client;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Steering;
use super::pure::inputs::{Found, Load, Probe};
use crate::manifest::newest_due;
use crate::serve::upstream::{builder, signed};
use crate::serve::viewer::PROBE;

/// The interval of probes.
const EVERY: Duration = Duration::from_secs(1);
/// A probe without a first byte after this time has failed.
const WITHIN: Duration = Duration::from_millis(4_500);
/// Probes remembered of each edge.
const KEPT: usize = 8;

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Prober {
    targets: Mutex<BTreeMap<String, Target>>,
}

#[derive(Debug, Default)]
struct Target {
    /// When it was sent, and its outcome.
    probes: VecDeque<(i64, Option<Found>)>,
    load: Option<Load>,
    /// When it was asked for that load. This is not the time of day: were that set back, every
    /// later load would count as older.
    asked: Option<Instant>,
}

/// The load that an edge reports.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LoadPage {
    capacity_kbps: u64,
    reserved_kbps: u64,
    sessions: i64,
}

impl Prober {
    fn begin(&self, target: &str, at: i64) {
        let mut targets = self.targets.lock();
        let probes = &mut targets.entry(target.to_owned()).or_default().probes;
        probes.push_back((at, None));
        while probes.len() > KEPT {
            probes.pop_front();
        }
    }

    fn end(&self, target: &str, at: i64, found: Found) {
        let mut targets = self.targets.lock();
        let Some(target) = targets.get_mut(target) else { return };
        if let Some(probe) = target.probes.iter_mut().find(|(sent, _)| *sent == at) {
            probe.1 = Some(found);
        }
    }

    /// Stores the load of a target, or that it gave none. Requests overlap, so the answer to an
    /// earlier one may come later: the newer one stays.
    fn carries(&self, target: &str, asked: Instant, load: Option<Load>) {
        let mut targets = self.targets.lock();
        let Some(target) = targets.get_mut(target) else { return };
        if target.asked.is_none_or(|newest| newest <= asked) {
            (target.asked, target.load) = (Some(asked), load);
        }
    }

    /// The newest probes of a target, oldest first, and its load.
    pub(super) fn of(&self, target: &str, now_ms: i64) -> (Vec<Probe>, Option<Load>) {
        let targets = self.targets.lock();
        let Some(target) = targets.get(target) else { return (Vec::new(), None) };
        let probe = |(at, found): &(i64, Option<Found>)| Probe {
            at: *at,
            result: found.unwrap_or(Found::Waiting((now_ms - at).max(0))),
        };
        (target.probes.iter().map(probe).collect(), target.load)
    }
}

/// A target of probes.
#[derive(Debug, Clone)]
pub(super) enum At {
    /// An edge of ours: the newest segment, and its load.
    Edge(String),
    /// The origin: the newest segment.
    Origin(String),
    /// One object of another CDN.
    Object(String),
}

/// The client that sends probes. A target that accepts no connection in time is away, not slow.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    builder().connect_timeout(Duration::from_secs(1)).timeout(WITHIN).build()
}

/// Probes one target until aborted.
pub(super) async fn probe(app: Arc<Steering>, name: String, at: At, client: Client) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let ours = !matches!(at, At::Object(_));
    loop {
        ticks.tick().await;
        let (url, page) = match &at {
            At::Object(url) => (url.clone(), None),
            At::Edge(base) | At::Origin(base) => {
                let Some(path) = app.newest_segment() else { continue };
                let base = base.trim_end_matches('/');
                let page = matches!(at, At::Edge(_)).then(|| format!("{base}/load"));
                (format!("{base}{path}"), page)
            }
        };
        let (client, name, app) = (client.clone(), name.clone(), app.clone());
        // A slow probe does not delay the next one; the timeout bounds their number.
        tokio::spawn(async move {
            let at = app.clock.now_ms();
            app.prober.begin(&name, at);
            // A server that is not ours does not get the key.
            let key = app.settings.service_key.as_deref().filter(|_| ours);
            let segment = async {
                let found = first_byte(&client, &url, key).await;
                app.prober.end(&name, at, found);
            };
            // Known as soon as it arrives: an edge is slow in segments when its load matters most.
            let load = async {
                let Some(page) = &page else { return };
                let asked = Instant::now();
                let load = carried(&client, page).await;
                app.prober.carries(&name, asked, load);
            };
            tokio::join!(segment, load);
        });
    }
}

async fn first_byte(client: &Client, url: &str, key: Option<&str>) -> Found {
    let started = Instant::now();
    match signed(client.get(url).header(PROBE, "1"), key).send().await {
        Ok(answer) if answer.status().is_success() => {
            let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
            let held = answer.headers().get("cmsd-static").and_then(|value| value.to_str().ok());
            Found::Byte((took - held.map_or(0, held_ms)).max(0))
        }
        Ok(answer) => Found::Error(answer.status().as_u16()),
        Err(error) if error.is_timeout() && !error.is_connect() => {
            Found::Waiting(i64::try_from(WITHIN.as_millis()).unwrap_or(i64::MAX))
        }
        Err(_) => Found::Nothing,
    }
}

/// The `ht` of a `CMSD-Static` header.
fn held_ms(header: &str) -> i64 {
    let mut pairs = header.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == "ht").and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

async fn carried(client: &Client, page: &str) -> Option<Load> {
    let answer = client.get(page).header(PROBE, "1").timeout(Duration::from_millis(2_500)).send();
    let page: LoadPage = answer.await.ok()?.error_for_status().ok()?.json().await.ok()?;
    let LoadPage { capacity_kbps, reserved_kbps, sessions } = page;
    Some(Load { capacity_kbps, reserved_kbps, sessions, reckoned: false })
}

impl Steering {
    /// The newest segment that is due, of the lowest rung, which every edge has.
    fn newest_segment(&self) -> Option<String> {
        let stream = self.settings.streams.first()?;
        let ladder = self.ladders.get(stream)??;
        let video = ladder.tracks.iter().filter(|track| track.is_video());
        let track = video.min_by_key(|track| track.bandwidth).or(ladder.tracks.first())?;
        let margin = i64::from(self.settings.margin_ms) * 1_000;
        let k = newest_due(&ladder, margin, self.clock.now_us())?;
        Some(format!("/live/{stream}/{}/{k}.m4s", track.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_held() {
        assert_eq!(held_ms(r#"at=1795000003040,br=700,d=2000,ht=12,n="edge-e1",ot=v,st=l"#), 12);
        assert_eq!(held_ms("at=1,d=2"), 0);
        assert_eq!(held_ms("ht=x"), 0);
    }

    #[test]
    fn a_probe_under_way_waits_and_a_slow_one_ends_in_its_own_place() {
        let prober = Prober::default();
        for at in 0..10 {
            prober.begin("e1", at * 1_000);
        }
        prober.end("e1", 8_000, Found::Byte(30));
        prober.end("e1", 0, Found::Byte(9_000));
        let (probes, load) = prober.of("e1", 9_700);
        assert_eq!((probes.len(), load), (KEPT, None));
        assert_eq!(probes[KEPT - 1].result, Found::Waiting(700));
        assert_eq!(probes[KEPT - 2].result, Found::Byte(30));
        assert!(prober.of("e2", 0).0.is_empty());
    }

    #[test]
    fn a_load_that_was_asked_for_earlier_and_comes_later_replaces_no_newer_one() {
        let prober = Prober::default();
        prober.begin("e1", 0);
        let start = Instant::now();
        let load = |sessions| Some(Load { sessions, ..Load::default() });
        for (second, answer, known) in [
            (1, load(1), load(1)),
            (3, load(3), load(3)),
            (2, load(2), load(3)),
            (4, None, None),
            (3, load(3), None),
            (5, load(5), load(5)),
        ] {
            prober.carries("e1", start + Duration::from_secs(second), answer);
            assert_eq!(prober.of("e1", 0).1, known, "{second}");
        }
    }
}
