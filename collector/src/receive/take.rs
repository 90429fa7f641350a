//! Turns bytes into rows that wait for a commit, or into a refusal that is counted.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use tallylight_schemas::fates::Reason;

use super::Collector;
use super::answer::{Waiting, refused, spread};
use super::submission::{Format, Submission};
use crate::admit::{self, Kind, Reading, Received};
use crate::append::{NoRoom, Reservation};
use crate::decode::inflate::{Encoding, inflate};
use crate::decode::{self, Context, Rows, arrow, json};
use crate::fates::{Source, Tally};
use crate::problem::{self, Problem, echo};
use crate::pure::ladder::Standing;

/// Room for a request's records, and its tenant's standing.
pub(super) struct Room {
    room: Reservation,
    standing: Standing,
    records: usize,
    received_at: i64,
}

impl Collector {
    pub(super) async fn post(
        &self,
        submission: Submission<'_>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Problem> {
        let encoding = admit::encoding(headers)?;
        let kind = Kind { reading: Reading::Records, encoding };
        let (received, turn) = self.receive((submission.caller, kind), headers, body).await?;
        let waiting = self.take(submission, encoding, received)?;
        drop(turn);
        waiting.answer().await
    }

    /// Turns bytes into rows that wait for a commit. Nothing here awaits, so there are never more
    /// inflated bodies than threads.
    fn take(
        &self,
        submission: Submission<'_>,
        encoding: Encoding,
        received: Received,
    ) -> Result<Waiting, Problem> {
        let body = inflate(&received.body, encoding, self.admission.inflate_limits())
            .map_err(|error| admit::inflate_problem(&error))?;
        match submission.shape.format {
            Format::Cmcd => {
                let room = self.reserve(submission, decode::lines(&body).count(), body.len())?;
                self.hand_over(submission, room, |context, rows| {
                    decode::cmcd::body(&body, context, rows)
                })
            }
            Format::Json { says_lines } => self.take_json(submission, says_lines, &body),
            Format::Arrow => {
                let batches = arrow::batches(&body).map_err(|error| {
                    let detail =
                        format!("The Arrow stream is refused, and none of it kept: {error}.");
                    problem::of(problem::UNREADABLE, detail)
                })?;
                let room = self.reserve(submission, arrow::events(&batches), body.len())?;
                self.hand_over(submission, room, |context, rows| {
                    arrow::body(&batches, context, rows)
                })
            }
        }
    }

    fn take_json(
        &self,
        submission: Submission<'_>,
        says_lines: bool,
        body: &[u8],
    ) -> Result<Waiting, Problem> {
        let layout = json::layout(body, says_lines).map_err(|error| {
            let detail = format!(
                "The JSON array does not parse ({}), so none of it was kept.",
                echo(&error)
            );
            problem::of(problem::UNREADABLE, detail)
        })?;
        let room = self.reserve(submission, json::events(body, layout).count(), body.len())?;
        let read = if submission.source == Source::Cmcd { json::records } else { json::body };
        self.hand_over(submission, room, |context, rows| read(body, layout, context, rows))
    }

    pub(super) fn reserve(
        &self,
        submission: Submission<'_>,
        records: usize,
        bytes: usize,
    ) -> Result<Room, Problem> {
        if records == 0 {
            let detail = "The body holds no records; send at least one, or nothing at all.";
            return Err(problem::of(problem::EMPTY, detail));
        }
        let received_at = self.clock.now_us();
        let wanted = (records.min(self.max_records), bytes);
        let room = self.queue.reserve(submission.caller, wanted, received_at);
        let (room, standing) =
            room.map_err(|no_room| self.refuse(submission, records, no_room, received_at))?;
        Ok(Room { room, standing, records, received_at })
    }

    /// Counts the refused records, and says when to retry.
    fn refuse(
        &self,
        submission: Submission<'_>,
        records: usize,
        no_room: NoRoom,
        now_us: i64,
    ) -> Problem {
        let cause = match no_room {
            NoRoom::Full => Reason::Overload,
            NoRoom::Pressed(standing) => standing.cause,
        };
        let tally =
            self.queue.shed((&submission.caller.tenant, submission.source), records as u64, cause);
        refused(no_room, &tally, spread(&submission.caller.tenant, now_us))
    }

    pub(super) fn hand_over(
        &self,
        submission: Submission<'_>,
        Room { room, standing, records, received_at }: Room,
        read: impl FnOnce(Context<'_>, &mut Rows) -> Tally,
    ) -> Result<Waiting, Problem> {
        let context = Context {
            tenant: &submission.caller.tenant,
            received_at,
            max_records: self.max_records,
            letters: Some(self.letters.as_ref()),
            ring: self.beacons.open(received_at).then_some(&self.beacons),
            trusted: submission.trusted,
            about: submission.sender.about(),
            came: submission.shape.came,
            standing,
            talkers: &self.talkers,
        };
        let mut set = self.queue.lend(&room);
        let tally = read(context, &mut set.rows);
        if standing.refuses(false) && tally.accepted() == 0 {
            self.queue.give_back(set);
            return Err(self.refuse(submission, records, NoRoom::Pressed(standing), received_at));
        }
        let outcome = self.queue.hand_over(set, submission.source, &tally, room);
        let came = (submission.caller.tenant.clone(), received_at);
        Ok(Waiting { tally, outcome, pace: standing.pace(), came })
    }
}
