//! Receives a body and waits for its turn, or refuses it before its content is known.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use tokio::sync::SemaphorePermit;

use super::Collector;
use super::answer::{no_room_for_body, refused_behind, refused_unread, spread};
use crate::admit::{self, Behind, Caller, Kind, Received};
use crate::problem::Problem;
use crate::pure::ladder::Standing;

/// Why a body is not decoded.
enum Unread {
    /// Its tenant is refused, whatever the body holds.
    Pressed(Standing),
    /// More large bodies wait than the collector can decode in time.
    Behind,
}

impl Unread {
    fn cause(&self) -> &'static str {
        match self {
            Unread::Pressed(standing) => standing.cause.as_str(),
            Unread::Behind => "behind",
        }
    }
}

impl Collector {
    /// The body, and its turn to be decoded if it needs one. A body that is not small is refused
    /// early where it would be refused anyway: receiving and inflating it would be most of the
    /// work. The number of its records is unknown then, so none has a fate, and the request itself
    /// is counted (ADR 21).
    pub(super) async fn receive(
        &self,
        (caller, kind): (&Caller, Kind),
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Received, Option<SemaphorePermit<'_>>), Problem> {
        let lines = &self.admission.lines;
        let small = admit::is_small(headers, &body);
        let pressed = || if small { None } else { self.pressed(caller) };
        let behind = || lines.has_room(caller, kind, &body).err().map(|Behind| Unread::Behind);
        if let Some(why) = pressed().or_else(behind) {
            return Err(self.refuse_unread(caller, &why));
        }
        let received = self.admission.receive(caller, headers, body).await;
        let received = received.map_err(|problem| self.refuse_unreceived(caller, problem))?;
        let turn = lines.turn(caller, kind, received.body.len()).await;
        let turn = turn.map_err(|Behind| self.refuse_unread(caller, &Unread::Behind))?;
        // The standing may have changed while it waited.
        match pressed().filter(|_| turn.is_some()) {
            Some(why) => Err(self.refuse_unread(caller, &why)),
            None => Ok((received, turn)),
        }
    }

    fn pressed(&self, caller: &Caller) -> Option<Unread> {
        let standing = self.queue.standing(caller, self.clock.now_us());
        standing.refuses(true).then_some(Unread::Pressed(standing))
    }

    fn spread(&self, caller: &Caller) -> u16 {
        spread(&caller.tenant, self.clock.now_us())
    }

    /// A body that is not complete. Where that is for want of memory, its records are refused as
    /// those of a body that was not read at all.
    fn refuse_unreceived(&self, caller: &Caller, problem: Problem) -> Problem {
        if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
            self.metrics.count_unread("memory");
        }
        no_room_for_body(problem, self.spread(caller))
    }

    fn refuse_unread(&self, caller: &Caller, why: &Unread) -> Problem {
        self.metrics.count_unread(why.cause());
        let lot = self.spread(caller);
        match why {
            Unread::Pressed(standing) => refused_unread(*standing, lot),
            Unread::Behind => refused_behind(lot),
        }
    }
}
