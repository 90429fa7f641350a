//! A session from Play to its end: the player's loop.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::download::{self, Segment, SegmentOutcome, Stream, Trouble, Wanted};
use super::script::Script;
use super::{Viewer, until};
use crate::beacon::Reporter;
use crate::ledger::{Ended, Entry};
use crate::manifest::Master;
use crate::plan::{End, SessionPlan};
use crate::pure::playback::{Playback, State};
use crate::pure::throughput::Throughput;

mod report;
mod route;
mod rung;

use report::Report;
use route::{Route, SteeringRequest};

/// A first frame needs one whole segment.
const START_WITH: u64 = 1;
/// A failed request is tried again after this long, this many times.
const RETRY: Duration = Duration::from_millis(400);
const RETRIES: u32 = 40;
/// A busy server is asked again after this long.
const BUSY: Duration = Duration::from_secs(1);
/// Segments this far back are gone from every origin.
const GONE: u64 = 100_000;
/// A player that stalls further behind the newest segment than this jumps to the live edge.
const TOO_FAR_BEHIND: u64 = 10;
type Work<'a> = Pin<Box<dyn Future<Output = Done> + Send + 'a>>;

/// The result of a piece of work.
enum Done {
    Opened(Result<(Master, Stream), Trouble>),
    Entered(Result<Stream, Trouble>),
    Segment(SegmentOutcome),
}

/// A viewer's session.
pub(super) struct Session<'a> {
    viewer: &'a Viewer,
    report: Report,
    script: Script,
    line: watch::Sender<u32>,
    playback: Option<Playback>,
    route: Option<Route>,
    rung: usize,
    next_k: u64,
    throughput: Throughput,
    /// The bitrate of the newest segment, kbps.
    needed_kbps: f64,
    failures_in_row: u32,
    broken: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(viewer: &'a Viewer, plan: SessionPlan) -> Self {
        let settings = &viewer.settings;
        let reporter = Reporter::spawn(viewer.client.clone(), settings.beacons_url());
        let now = viewer.clock.now_us();
        let mut report = Report::press_play(reporter, &settings.stream, &plan, now);
        report.keep_requests(settings.ledger_requests);
        let (line, _) = watch::channel(plan.line_kbps);
        Self {
            viewer,
            report,
            script: Script::new(plan, now),
            line,
            playback: None,
            route: None,
            rung: 0,
            next_k: 0,
            throughput: Throughput::default(),
            needed_kbps: 0.0,
            failures_in_row: 0,
            broken: false,
        }
    }

    /// Runs the session and returns its ledger entry.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> Entry {
        let ended = self.play(stop).await;
        let now = self.viewer.clock.now_us();
        self.report.end(ended, now).await
    }

    async fn play(&mut self, stop: &CancellationToken) -> Ended {
        let mut work = self.open();
        let mut steering: Option<SteeringRequest> = None;
        loop {
            let now = self.viewer.clock.now_us();
            let empty_at = self.let_time_pass(now);
            let (state, since) = (self.report.state(), self.report.since_us());
            let plan = self.script.instruction(now, state, since, self.slow_line());
            self.line.send_if_modified(|kbps| std::mem::replace(kbps, plan.kbps) != plan.kbps);
            self.broken |= plan.break_requests;
            if plan.leave || stop.is_cancelled() {
                return self.leave();
            }
            if steering.is_none() {
                steering = self.ask_steering(now);
            }
            let steering_due = self.route.as_ref().and_then(Route::steering_due_us);
            let wake = [empty_at, plan.again_us, self.report.interval_us(), steering_due];
            let wake = wake.into_iter().flatten().min();
            tokio::select! {
                done = &mut work => match self.take(done) {
                    Ok(next) => work = next,
                    Err(code) => return self.fail(&code),
                },
                answer = answer_of(&mut steering) => {
                    steering = None;
                    self.steered(answer);
                }
                () = sleep(until(wake, now)) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Records a stall that the passing of time caused and sends the regular report when it is due.
    /// Returns when the buffer will run empty.
    fn let_time_pass(&mut self, now: i64) -> Option<i64> {
        if let Some(playback) = self.playback.as_mut()
            && let Some(change) = playback.advance(now)
        {
            self.report.change(change, playback);
        }
        self.report.interval(now, self.playback.as_ref());
        self.playback.as_ref().and_then(Playback::empty_at_us)
    }

    /// Takes a finished piece of work and starts the next.
    fn take(&mut self, done: Done) -> Result<Work<'a>, String> {
        match done {
            Done::Opened(Ok((master, stream))) => {
                let now = self.viewer.clock.now_us();
                self.next_k = stream.first;
                let first = stream.grid.start_us(stream.first);
                let enough = stream.grid.start_us(stream.first + START_WITH) - first;
                self.playback = Some(Playback::new(first, enough));
                self.report.moved(&stream.pathway, crate::ledger::Why::Start, now);
                self.route = Some(Route::new(master, stream, now));
                self.choose_rung();
                Ok(self.next(Duration::ZERO))
            }
            Done::Opened(Err(trouble)) => {
                self.report.request_failed();
                self.retry(&trouble, Self::open)
            }
            Done::Entered(stream) => Ok(self.entered(stream)),
            Done::Segment(outcome) => {
                self.report.requested(outcome.requests);
                match outcome.segment {
                    Ok(segment) => {
                        self.failures_in_row = 0;
                        self.append(&segment);
                        Ok(self.next(Duration::ZERO))
                    }
                    Err(trouble) => self.failed(&trouble),
                }
            }
        }
    }

    fn retry(
        &mut self,
        trouble: &Trouble,
        next: impl FnOnce(&mut Self) -> Work<'a>,
    ) -> Result<Work<'a>, String> {
        self.failures_in_row += 1;
        match trouble.fatal_code() {
            Some(code) => Err(code),
            None if self.failures_in_row > RETRIES => Err("network".to_owned()),
            None => Ok(next(self)),
        }
    }

    fn append(&mut self, segment: &Segment) {
        let now = self.viewer.clock.now_us();
        let (Some(playback), Some(route)) = (self.playback.as_mut(), self.route.as_mut()) else {
            return;
        };
        route.works(self.rung, now);
        let grid = route.stream.grid;
        let video = &segment.video;
        self.throughput.add(video.bytes, video.took.saturating_sub(video.ttfb).as_secs_f64());
        self.needed_kbps = video.bytes as f64 * 8.0 / grid.seconds() / 1_000.0;
        self.report.throughput(self.throughput.kbps());
        self.next_k = segment.k + 1;
        // The buffer may have run out during the download.
        if let Some(change) = playback.advance(now) {
            self.report.change(change, playback);
        }
        if let Some(change) = playback.append(grid.start_us(segment.k + 1), now) {
            self.script.first_frame(change.at_us);
            self.report.change(change, playback);
        }
        self.choose_rung();
    }

    fn open(&mut self) -> Work<'a> {
        let viewer = self.viewer;
        let fails = self.script.plan().end == End::StartFails;
        let stream = if fails {
            format!("{}-does-not-exist", viewer.settings.stream)
        } else {
            viewer.settings.stream.clone()
        };
        let sid = self.report.sid().to_owned();
        let pause = if self.failures_in_row > 0 { RETRY } else { Duration::ZERO };
        Box::pin(async move {
            sleep(pause).await;
            Done::Opened(download::open(viewer, &stream, &sid).await)
        })
    }

    fn segment(&mut self, pause: Duration) -> Work<'a> {
        self.catch_up();
        let Some(route) = &self.route else { return self.open() };
        let (viewer, stream) = (self.viewer, Arc::clone(&route.stream));
        let wanted = Wanted {
            rung: self.rung,
            k: if self.broken { self.next_k.saturating_sub(GONE) } else { self.next_k },
            sid: self.report.sid().to_owned(),
            inits: route.needs_inits(self.rung),
        };
        let line = self.line.subscribe();
        Box::pin(async move {
            sleep(pause).await;
            Done::Segment(download::segment(viewer, &stream, &wanted, &line).await)
        })
    }

    /// A player that stalls far behind the live edge jumps near it before its segments are gone.
    fn catch_up(&mut self) {
        let (Some(playback), Some(route)) = (self.playback.as_mut(), self.route.as_ref()) else {
            return;
        };
        let grid = route.stream.grid;
        let newest = download::newest(grid, self.viewer.clock.now_us());
        if playback.state() == State::Rebuffering && newest > self.next_k + TOO_FAR_BEHIND {
            self.next_k = newest - download::START_BEHIND;
            playback.jump(grid.start_us(self.next_k));
        }
    }

    fn leave(&mut self) -> Ended {
        if self.report.started() { Ended::Played } else { Ended::ExitBeforeStart }
    }

    fn fail(&mut self, code: &str) -> Ended {
        self.report.error(code);
        if self.report.started() { Ended::Failed } else { Ended::StartFailed }
    }
}

/// The answer to a pending steering request; without one, never resolves.
async fn answer_of(request: &mut Option<SteeringRequest>) -> (u16, Option<u64>, String) {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}
