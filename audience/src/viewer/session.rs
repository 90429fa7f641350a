//! A session from Play to its end: the player's loop.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::download::{self, Pair, Stream, Trouble};
use super::script::Script;
use super::{Viewer, until};
use crate::beacon::Reporter;
use crate::ledger::{Ended, Entry};
use crate::plan::{End, SessionPlan};
use crate::pure::playback::Playback;

mod report;

use report::Report;

/// A first frame needs one whole segment.
const START_WITH: u64 = 1;
/// A failed request is tried again after this long, this many times.
const RETRY: Duration = Duration::from_millis(400);
const RETRIES: u32 = 40;
/// Far enough back that every origin has forgotten it.
const GONE: u64 = 100_000;

type Work<'a> = Pin<Box<dyn Future<Output = Done> + Send + 'a>>;

/// What a piece of work brought.
enum Done {
    Opened(Result<Stream, Trouble>),
    Ready(Result<u64, Trouble>),
    Segment(Result<Pair, Trouble>),
}

/// A viewer's session.
pub(super) struct Session<'a> {
    viewer: &'a Viewer,
    report: Report,
    script: Script,
    line: watch::Sender<u32>,
    playback: Option<Playback>,
    stream: Option<Arc<Stream>>,
    rung: usize,
    next_k: u64,
    throughput_kbps: f64,
    failures_in_row: u32,
    broken: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(viewer: &'a Viewer, plan: SessionPlan) -> Self {
        let settings = &viewer.settings;
        let url = format!("{}/v1/cmcd?k={}", settings.collector_url, settings.key);
        let reporter = Reporter::spawn(viewer.client.clone(), url);
        let now = viewer.clock.now_us();
        let report = Report::press_play(reporter, &settings.stream, &plan, now);
        let (line, _) = watch::channel(plan.line_kbps);
        Self {
            viewer,
            report,
            script: Script::new(plan, now),
            line,
            playback: None,
            stream: None,
            rung: 0,
            next_k: 0,
            throughput_kbps: 0.0,
            failures_in_row: 0,
            broken: false,
        }
    }

    /// Lives through the session and writes its truth.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> Entry {
        let ended = self.live(stop).await;
        let now = self.viewer.clock.now_us();
        self.report.end(ended, now).await
    }

    async fn live(&mut self, stop: &CancellationToken) -> Ended {
        let mut work = self.open();
        loop {
            let now = self.viewer.clock.now_us();
            let empty_at = self.let_time_pass(now);
            let (state, since) = (self.report.state(), self.report.since_us());
            let wish = self.script.wish(now, state, since);
            self.line.send_if_modified(|kbps| std::mem::replace(kbps, wish.kbps) != wish.kbps);
            self.broken |= wish.break_requests;
            if wish.leave || stop.is_cancelled() {
                return self.leave();
            }
            let wake = [empty_at, wish.again_us, self.report.interval_us()];
            let wake = wake.into_iter().flatten().min();
            tokio::select! {
                done = &mut work => match self.take(done) {
                    Ok(next) => work = next,
                    Err(code) => return self.fail(&code),
                },
                () = sleep(until(wake, now)) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Stalls that time alone brought, and the regular report. Answers when the buffer ends.
    fn let_time_pass(&mut self, now: i64) -> Option<i64> {
        let playback = self.playback.as_mut()?;
        if let Some(change) = playback.advance(now) {
            self.report.change(change, playback.position_us(now));
        }
        self.report.interval(now, playback.position_us(now));
        playback.empty_at_us()
    }

    /// What a finished piece of work means, and the next piece.
    fn take(&mut self, done: Done) -> Result<Work<'a>, String> {
        match done {
            Done::Opened(Ok(stream)) => {
                self.next_k = stream.first;
                let first = stream.grid.start_us(stream.first);
                let enough = stream.grid.start_us(stream.first + START_WITH) - first;
                self.playback = Some(Playback::new(first, enough));
                self.stream = Some(Arc::new(stream));
                self.choose_rung();
                Ok(self.inits())
            }
            Done::Ready(Ok(bytes)) => {
                self.report.received(bytes);
                Ok(self.segment(Duration::ZERO))
            }
            Done::Segment(Ok(pair)) => {
                self.failures_in_row = 0;
                self.append(pair);
                Ok(self.segment(Duration::ZERO))
            }
            Done::Opened(Err(trouble)) => self.again(&trouble, Self::open),
            Done::Ready(Err(trouble)) => self.again(&trouble, Self::inits),
            Done::Segment(Err(trouble)) => self.again(&trouble, |me| me.segment(RETRY)),
        }
    }

    fn again(
        &mut self,
        trouble: &Trouble,
        next: impl FnOnce(&mut Self) -> Work<'a>,
    ) -> Result<Work<'a>, String> {
        self.report.request_failed();
        self.failures_in_row += 1;
        match trouble.fatal_code() {
            Some(code) => Err(code),
            None if self.failures_in_row > RETRIES => Err("network".to_owned()),
            None => Ok(next(self)),
        }
    }

    fn append(&mut self, pair: Pair) {
        let now = self.viewer.clock.now_us();
        self.report.segment(&pair);
        let took = pair.video.took.as_secs_f64().max(0.001);
        let kbps = pair.video.bytes as f64 * 8.0 / took / 1_000.0;
        self.throughput_kbps = if self.throughput_kbps == 0.0 {
            kbps
        } else {
            0.6 * self.throughput_kbps + 0.4 * kbps
        };
        self.next_k = pair.k + 1;
        let (Some(playback), Some(stream)) = (self.playback.as_mut(), &self.stream) else { return };
        // The buffer may have run out while the segment was on its way.
        if let Some(change) = playback.advance(now) {
            self.report.change(change, playback.position_us(now));
        }
        if let Some(change) = playback.append(stream.grid.start_us(pair.k + 1), now) {
            self.script.first_frame(change.at_us);
            self.report.change(change, playback.position_us(now));
        }
        self.choose_rung();
    }

    /// The best rung that fits the device and seven tenths of what the line carried.
    fn choose_rung(&mut self) {
        let Some(stream) = &self.stream else { return };
        let height = self.script.plan().max_height;
        let affordable = self.throughput_kbps * 0.7;
        let fits =
            |rung: &download::RungMedia| rung.height <= height && (rung.kbps as f64) <= affordable;
        self.rung = stream.rungs.iter().rposition(fits).unwrap_or(0);
        if let Some(rung) = stream.rungs.get(self.rung) {
            self.report.bitrate(rung.kbps, self.viewer.clock.now_us());
        }
    }

    fn open(&mut self) -> Work<'a> {
        let viewer = self.viewer;
        let fails = self.script.plan().end == End::StartFails;
        let stream = if fails {
            format!("{}-does-not-exist", viewer.settings.stream)
        } else {
            viewer.settings.stream.clone()
        };
        let pause = if self.failures_in_row > 0 { RETRY } else { Duration::ZERO };
        Box::pin(async move {
            sleep(pause).await;
            Done::Opened(download::open(viewer, &stream).await)
        })
    }

    fn inits(&mut self) -> Work<'a> {
        let (viewer, stream, rung) = (self.viewer, self.stream.clone(), self.rung);
        let (sid, line) = (self.report.sid().to_owned(), self.line.subscribe());
        let pause = if self.failures_in_row > 0 { RETRY } else { Duration::ZERO };
        Box::pin(async move {
            sleep(pause).await;
            let Some(stream) = stream else { return Done::Ready(Ok(0)) };
            Done::Ready(download::inits(viewer, &stream, rung, &sid, &line).await)
        })
    }

    fn segment(&mut self, pause: Duration) -> Work<'a> {
        let (viewer, stream, rung) = (self.viewer, self.stream.clone(), self.rung);
        let k = if self.broken { self.next_k.saturating_sub(GONE) } else { self.next_k };
        let (sid, line) = (self.report.sid().to_owned(), self.line.subscribe());
        Box::pin(async move {
            sleep(pause).await;
            let Some(stream) = stream else { return std::future::pending().await };
            Done::Segment(download::segment(viewer, &stream, rung, k, &sid, &line).await)
        })
    }

    fn leave(&mut self) -> Ended {
        if self.report.started() { Ended::Played } else { Ended::ExitBeforeStart }
    }

    fn fail(&mut self, code: &str) -> Ended {
        self.report.error(code);
        if self.report.started() { Ended::Failed } else { Ended::StartFailed }
    }
}
