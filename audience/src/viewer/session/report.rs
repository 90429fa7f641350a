//! A session's beacons and its ledger entry. Both record the same change at the same instant,
//! and neither is derived from the other.

use uuid::Uuid;

use crate::beacon::Reporter;
use crate::cmcd_text::Record;
use crate::ledger::{Ended, Entry, Move, Request, Rung, Stall, Why};
use crate::plan::SessionPlan;
use crate::pure::playback::{Change, Playback, State};

/// Time between regular reports.
const INTERVAL_US: i64 = 10_000_000;

/// A session's reporter and its ledger entry.
pub(super) struct Report {
    reporter: Reporter,
    entry: Entry,
    /// Random, 0 to 1: the session makes regular reports while the requested share is above this.
    draw: f64,
    content: String,
    sequence: u64,
    state: State,
    since_us: i64,
    kbps: Option<i64>,
    lowest_kbps: Option<i64>,
    throughput_kbps: Option<i64>,
    shown: Option<Playback>,
    next_interval_us: i64,
    keeps_requests: bool,
    error: Option<String>,
}

impl Report {
    /// Play was pressed.
    pub(super) fn press_play(
        reporter: Reporter,
        content: &str,
        plan: &SessionPlan,
        now_us: i64,
    ) -> Self {
        let sid = Uuid::new_v4();
        let entry = Entry {
            sid: sid.to_string(),
            device: plan.device.to_owned(),
            country: plan.country.to_owned(),
            started_at_ms: ms(now_us),
            startup_ms: None,
            stalls: Vec::new(),
            playing_ms: 0,
            request_errors: 0,
            ended_at_ms: 0,
            ended: Ended::Played,
            beacons: 0,
            beacons_lost: 0,
            moves: Vec::new(),
            rungs: Vec::new(),
            requests: Vec::new(),
        };
        let mut report = Self {
            reporter,
            entry,
            draw: f64::from(sid.as_fields().0) / 2_f64.powi(32),
            content: content.to_owned(),
            sequence: 0,
            state: State::Starting,
            since_us: now_us,
            kbps: None,
            lowest_kbps: None,
            throughput_kbps: None,
            shown: None,
            keeps_requests: false,
            next_interval_us: now_us + INTERVAL_US,
            error: None,
        };
        report.send("ps", "s", now_us, |record| record);
        report
    }

    pub(super) fn sid(&self) -> &str {
        &self.entry.sid
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn since_us(&self) -> i64 {
        self.since_us
    }

    pub(super) fn started(&self) -> bool {
        self.entry.startup_ms.is_some()
    }

    pub(super) fn interval_us(&self) -> Option<i64> {
        Some(self.next_interval_us)
    }

    pub(super) fn kbps(&self) -> Option<i64> {
        self.kbps
    }

    /// Sets whether media requests are recorded, not only counted.
    pub(super) fn keep_requests(&mut self, keep: bool) {
        self.keeps_requests = keep;
    }

    /// These media requests are over.
    pub(super) fn requested(&mut self, requests: Vec<Request>) {
        let failed = requests.iter().filter(|request| request.status != 200).count();
        self.entry.request_errors += failed as u64;
        if self.keeps_requests {
            self.entry.requests.extend(requests);
        }
    }

    /// Segments are now requested from another pathway.
    pub(super) fn moved(&mut self, to: &str, why: Why, now_us: i64) {
        self.entry.moves.push(Move { at_ms: ms(now_us), to: to.to_owned(), why });
    }

    /// A request for a playlist failed.
    pub(super) fn request_failed(&mut self) {
        self.entry.request_errors += 1;
    }

    /// The newest estimate of the line's throughput.
    pub(super) fn throughput(&mut self, kbps: f64) {
        self.throughput_kbps = Some(kbps as i64);
    }

    /// Playback started, stalled or resumed.
    pub(super) fn change(&mut self, change: Change, playback: &Playback) {
        self.shown = Some(playback.clone());
        self.close_span(change.at_us);
        self.state = change.to;
        self.since_us = change.at_us;
        match change.to {
            State::Playing if !self.started() => {
                let startup_ms = ms(change.at_us) - self.entry.started_at_ms;
                self.entry.startup_ms = Some(startup_ms);
                self.send("ps", "p", change.at_us, |record| record.token("msd", startup_ms));
            }
            State::Playing => self.send("ps", "p", change.at_us, |record| record),
            State::Rebuffering => {
                self.entry.stalls.push(Stall { at_ms: ms(change.at_us), ms: 0 });
                self.send("ps", "r", change.at_us, |record| record);
            }
            State::Starting => {}
        }
    }

    fn close_span(&mut self, at_us: i64) {
        let spent_ms = ms(at_us) - ms(self.since_us);
        match self.state {
            State::Playing => self.entry.playing_ms += spent_ms,
            State::Rebuffering => {
                if let Some(stall) = self.entry.stalls.last_mut() {
                    stall.ms = spent_ms;
                }
            }
            State::Starting => {}
        }
    }

    /// The selected rung may have changed.
    pub(super) fn bitrate(&mut self, kbps: i64, lowest_kbps: i64, now_us: i64) {
        self.lowest_kbps = Some(lowest_kbps);
        if self.kbps.replace(kbps) != Some(kbps) {
            self.entry.rungs.push(Rung { at_ms: ms(now_us), kbps });
            self.send("bc", token(self.state), now_us, |record| record);
        }
    }

    /// Sends the regular report when it is due, even before the player has a manifest.
    pub(super) fn interval(&mut self, now_us: i64, playback: Option<&Playback>) {
        self.shown = playback.cloned();
        if now_us >= self.next_interval_us {
            let pace = self.reporter.pace();
            self.next_interval_us = now_us + INTERVAL_US * i64::from(pace.interval);
            if pace.wants(self.draw) {
                self.send("t", token(self.state), now_us, |record| record);
            }
        }
    }

    pub(super) fn error(&mut self, code: &str) {
        self.error = Some(code.to_owned());
    }

    /// Ends the session: delivers the last beacons and returns the ledger entry.
    pub(super) async fn end(mut self, ended: Ended, now_us: i64) -> Entry {
        self.close_span(now_us);
        match self.error.take() {
            Some(code) => {
                let with_code = |record: Record| record.token("ec", format!("(\"{code}\")"));
                self.send("e", token(self.state), now_us, with_code);
                self.send("ps", "f", now_us, |record| record);
            }
            None => self.send("ps", "q", now_us, |record| record),
        }
        self.entry.ended = ended;
        self.entry.ended_at_ms = ms(now_us);
        self.entry.beacons_lost = self.reporter.finish().await;
        self.entry
    }

    fn send(&mut self, event: &str, state: &str, at_us: i64, more: impl FnOnce(Record) -> Record) {
        let mut record = Record::default()
            .token("v", 2)
            .token("e", event)
            .token("ts", ms(at_us))
            .token("sn", self.sequence)
            .token("sta", state)
            .token("sf", "h")
            .token("st", "l")
            .text("sid", &self.entry.sid)
            .text("cid", &self.content)
            .text("com.tallylight-device", &self.entry.device)
            .text("com.tallylight-country", &self.entry.country);
        if let Some(kbps) = self.kbps {
            record = record.of_type("br", kbps, "v");
        }
        if let Some(kbps) = self.lowest_kbps {
            record = record.of_type("lb", kbps, "v");
        }
        if let Some(kbps) = self.throughput_kbps {
            record = record.of_type("mtp", hundreds(kbps), "v");
        }
        if let (Some(shown), true) = (&self.shown, self.state != State::Starting) {
            let latency = ms(at_us) - ms(shown.position_us(at_us));
            record = record.token("ltc", latency).of_type(
                "bl",
                hundreds(ms(shown.buffer_us(at_us))),
                "v",
            );
        }
        self.sequence += 1;
        self.entry.beacons += 1;
        self.reporter.send(more(record).line());
    }
}

fn ms(us: i64) -> i64 {
    us.div_euclid(1_000)
}

/// Rounds to hundreds, as the standard requires of buffer length and throughput.
fn hundreds(value: i64) -> i64 {
    (value + 50).div_euclid(100) * 100
}

fn token(state: State) -> &'static str {
    match state {
        State::Starting => "s",
        State::Playing => "p",
        State::Rebuffering => "r",
    }
}

#[cfg(test)]
mod tests;
