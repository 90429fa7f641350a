//! Where a session fetches its segments: the pathway in use, steering and failover.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::super::download::{Stream, Trouble};
use super::{Done, Session, Work, download};
use crate::fetch;
use crate::ledger::Why;
use crate::manifest::Master;
use crate::pure::pathways::Pathways;
use crate::pure::steering::{Answer, Client};

/// How often a busy server is retried before its pathway counts as failing.
const BUSY_RETRIES: u32 = 2;

/// A steering request in flight.
pub(super) type SteeringRequest = Pin<Box<dyn Future<Output = (u16, Option<u64>, String)> + Send>>;

/// A session's pathways and its steering client.
pub(super) struct Route {
    master: Arc<Master>,
    /// The pathway in use.
    pub(super) stream: Arc<Stream>,
    /// Pathways whose playlists have been read.
    known: Vec<Arc<Stream>>,
    pathways: Pathways,
    steering: Option<Client>,
    /// Why `pathways` last changed its choice.
    why: Why,
    /// Pathway and rung whose init segments have been fetched.
    inits: Option<(String, usize)>,
}

impl Route {
    pub(super) fn new(master: Master, stream: Stream, now_us: i64) -> Self {
        let ids = master.pathways.iter().map(|pathway| pathway.id.clone()).collect();
        let stream = Arc::new(stream);
        Self {
            pathways: Pathways::new(ids, Some(&stream.pathway)),
            steering: master.steering.as_ref().map(|s| Client::new(s.server.clone(), now_us)),
            master: Arc::new(master),
            known: vec![Arc::clone(&stream)],
            stream,
            why: Why::Start,
            inits: None,
        }
    }

    /// When to send the next steering request.
    pub(super) fn steering_due_us(&self) -> Option<i64> {
        self.steering.as_ref().and_then(Client::due_us)
    }

    pub(super) fn needs_inits(&self, rung: usize) -> bool {
        self.inits.as_ref().is_none_or(|(of, at)| *of != self.stream.pathway || *at != rung)
    }

    /// A segment of `rung` arrived.
    pub(super) fn works(&mut self, rung: usize, now_us: i64) {
        self.pathways.works(now_us);
        self.inits = Some((self.stream.pathway.clone(), rung));
    }

    /// Whether there is another pathway to try after this failure, the `nth` in a row.
    fn fails_over(&mut self, trouble: &Trouble, nth: u32, now_us: i64) -> bool {
        if trouble.is_busy() && nth <= BUSY_RETRIES {
            return false;
        }
        let steered = self.pathways.current() != self.stream.pathway;
        let moved = self.pathways.fail(&self.stream.pathway, now_us);
        if moved && !steered {
            self.why = Why::Failover;
        }
        moved
    }
}

impl<'a> Session<'a> {
    /// Sends a steering request, if one is due.
    pub(super) fn ask_steering(&mut self, now_us: i64) -> Option<SteeringRequest> {
        let bits_per_s = self.throughput.kbps() * 1_000.0;
        let route = self.route.as_mut()?;
        let steering = route.steering.as_mut()?;
        if steering.due_us().is_none_or(|due| due > now_us) {
            return None;
        }
        let known = (bits_per_s > 0.0).then_some(bits_per_s as u64);
        let url = steering.request(route.pathways.current(), known);
        let client = self.viewer.client.clone();
        Some(Box::pin(async move { fetch::steering(&client, url).await }))
    }

    /// Takes steering's answer. A switch is made with the next segment.
    pub(super) fn steered(&mut self, (status, retry_after_s, body): (u16, Option<u64>, String)) {
        let now = self.viewer.clock.now_us();
        let Some(route) = self.route.as_mut() else { return };
        let Some(steering) = route.steering.as_mut() else { return };
        let answer = Answer { status, body: &body, retry_after_s };
        if let Some(priority) = steering.take(answer, now)
            && route.pathways.steer(priority, now)
        {
            route.why = Why::Steering;
        }
    }

    /// Fetches the next segment on the pathway that is chosen now.
    pub(super) fn next(&mut self, pause: std::time::Duration) -> Work<'a> {
        let Some(route) = self.route.as_mut() else { return self.open() };
        let wanted = route.pathways.current();
        if wanted == route.stream.pathway {
            return self.segment(pause);
        }
        let wanted = wanted.to_owned();
        if let Some(known) = route.known.iter().find(|known| known.pathway == wanted) {
            let known = Arc::clone(known);
            return self.switch_to(known);
        }
        let (viewer, master) = (self.viewer, Arc::clone(&route.master));
        Box::pin(async move { Done::Entered(download::enter(viewer, &master, &wanted).await) })
    }

    /// Takes the playlists of another pathway, or the failure to fetch them.
    pub(super) fn entered(&mut self, stream: Result<Stream, Trouble>) -> Work<'a> {
        let Some(route) = self.route.as_mut() else { return self.open() };
        match stream {
            Ok(stream) => {
                let stream = Arc::new(stream);
                route.known.push(Arc::clone(&stream));
                self.switch_to(stream)
            }
            Err(trouble) => {
                tracing::debug!(%trouble, "no playlists of another pathway");
                route.pathways.stay(&route.stream.pathway);
                self.report.request_failed();
                self.segment(super::RETRY)
            }
        }
    }

    fn switch_to(&mut self, stream: Arc<Stream>) -> Work<'a> {
        if let Some(route) = self.route.as_mut() {
            self.report.moved(&stream.pathway, route.why, self.viewer.clock.now_us());
            route.stream = stream;
        }
        self.failures_in_row = 0;
        self.choose_rung();
        // Steering may have changed its choice meanwhile; then the next segment switches again.
        self.segment(std::time::Duration::ZERO)
    }

    /// A segment failed: tries another pathway, or the same one again.
    pub(super) fn failed(&mut self, trouble: &Trouble) -> Result<Work<'a>, String> {
        let now = self.viewer.clock.now_us();
        let nth = self.failures_in_row + 1;
        if self.route.as_mut().is_some_and(|route| route.fails_over(trouble, nth, now)) {
            self.failures_in_row = nth;
            return Ok(self.next(std::time::Duration::ZERO));
        }
        let pause = if trouble.is_busy() { super::BUSY } else { super::RETRY };
        self.retry(trouble, |me| me.next(pause))
    }
}
