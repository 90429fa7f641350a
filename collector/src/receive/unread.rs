//! Receiving a body and its turn to be taken, or a refusal before anything is known of what is in it.

use axum::body::Body;
use axum::http::HeaderMap;
use tokio::sync::SemaphorePermit;

use super::Collector;
use super::answer::{no_room_for_body, refused_behind, refused_unread, spread};
use crate::admit::{self, Behind, Caller, Kind, Received};
use crate::problem::Problem;
use crate::pure::ladder::Standing;

/// Why nobody looks into a body.
enum Unread {
    /// Whatever is in it, its tenant is refused.
    Pressed(Standing),
    /// More wait than the door can read in time.
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
    /// The body, and its turn to be taken if it needs one. A body that is not small is refused where
    /// nobody would keep it: to keep and inflate it would be the larger part of the work. How many
    /// records it has nobody knows then, so none has a fate, and the request itself is counted
    /// (ADR 21).
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
            self.admission.let_go_by(headers, body).await;
            return Err(self.refuse_unread(caller, &why));
        }
        let received = self.admission.receive(headers, body).await;
        let received =
            received.map_err(|problem| no_room_for_body(problem, self.spread(caller)))?;
        let turn = lines.turn(caller, kind, received.body.len()).await;
        let turn = turn.map_err(|Behind| self.refuse_unread(caller, &Unread::Behind))?;
        // It may have waited.
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

    fn refuse_unread(&self, caller: &Caller, why: &Unread) -> Problem {
        self.metrics.count_unread(why.cause());
        let lot = self.spread(caller);
        match why {
            Unread::Pressed(standing) => refused_unread(*standing, lot),
            Unread::Behind => refused_behind(lot),
        }
    }
}
