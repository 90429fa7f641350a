//! One thread per topic writes: takes whatever is queued, writes it at once, syncs once, then
//! acknowledges all of it.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use nix::errno::Errno;
use tallylight_schemas::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::files::{Files, SegmentFile, create, describe};
use super::format::{RECORD_HEADER, RecordHeader, SEGMENT_HEADER};
use super::recover::Opened;
use super::segment::Segment;
use super::topic::{Placed, Topic, micros};
use crate::common::SEGMENTS_PER_AGE;
use crate::entry;
use crate::{LogError, Part};

/// Bytes written before one sync, give or take an entry.
const GROUP_BYTES: u64 = 8 << 20;
/// Bytes left free on the disk, so that a full disk refuses appends while it can still be
/// handled, instead of failing in the middle of a write.
const RESERVE_BYTES: u64 = 32 << 20;

/// One append, waiting.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) parts: Vec<Part>,
    /// Length of its body, from [`entry::checked_len`].
    pub(super) body_len: usize,
    pub(super) answer: oneshot::Sender<Result<u64, LogError>>,
    /// Its share of the bytes that may be queued.
    pub(super) _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) struct Writer {
    topic: Arc<Topic>,
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    segment_bytes: u64,
    segment: Arc<Segment>,
    active: Box<dyn SegmentFile>,
    /// Bytes of the active segment.
    bytes: u64,
    next: u64,
    last_us: i64,
    /// When the first entry of the active segment was appended.
    first_us: Option<i64>,
    /// The next segment could not be made, but may be on disk: nothing more may be written to this
    /// one, whose entries would be behind those of the next.
    is_left: bool,
}

impl Writer {
    /// A writer that goes on where recovery ended. `None` cannot happen: an open topic has an
    /// active segment.
    pub(super) fn new(
        opened: Opened,
        segment_bytes: u64,
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
    ) -> Option<Self> {
        let Opened { topic, active, last_us, .. } = opened;
        let state = topic.state.lock();
        let (segment, bytes) = state.segments.back().map(|p| (p.segment.clone(), p.bytes))?;
        let next = state.next;
        drop(state);
        let first_us = (next > segment.base).then_some(segment.floor_us).flatten();
        let topic = Arc::new(topic);
        let writer = Self {
            topic,
            files,
            clock,
            segment_bytes,
            segment,
            active,
            bytes,
            next,
            last_us,
            first_us,
            is_left: false,
        };
        writer.topic.enforce_caps(writer.clock.now_us());
        Some(writer)
    }

    pub(super) fn topic(&self) -> Arc<Topic> {
        self.topic.clone()
    }

    /// Serves appends until all senders are gone.
    #[allow(clippy::needless_pass_by_value, reason = "owned by its thread")]
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.blocking_recv() {
            let most = GROUP_BYTES.min(self.segment_bytes);
            let mut bytes = framed(&first);
            let mut group = vec![first];
            while bytes < most
                && let Ok(request) = queue.try_recv()
            {
                bytes += framed(&request);
                group.push(request);
            }
            self.commit(group, bytes);
        }
        self.seal();
    }

    fn commit(&mut self, group: Vec<Request>, bytes: u64) {
        let refuse = |group: Vec<Request>, error: LogError| {
            group.into_iter().for_each(|request| answer(request, Err(error.clone())));
        };
        let stopped = self.topic.state.lock().stopped.clone();
        if let Some(why) = stopped {
            return refuse(group, LogError::Closed(why));
        }
        // What is too old goes first: on a disk that is nearly full it may be what takes the room,
        // and nothing is stored after which it would go. It costs a look at a list in memory.
        self.topic.enforce_caps(self.clock.now_us());
        if let Err(error) = self.check_room(bytes) {
            return refuse(group, error);
        }
        let now_us = self.clock.now_us().max(self.last_us);
        if self.must_roll(bytes, now_us)
            && let Err(error) = self.roll()
        {
            let why = describe("cannot make the segment", &self.topic.dir, &error);
            return refuse(group, self.without_segment(why, &error));
        }
        let first = self.next;
        match self.store(&group, now_us) {
            Ok(()) => {
                // Before the answers, so that nobody who appended sees the log above its cap.
                self.topic.enforce_caps(self.clock.now_us());
                for (request, offset) in group.into_iter().zip(first..) {
                    answer(request, Ok(offset));
                }
            }
            // Never tried again: after a failed sync the system may take the pages for written and
            // would call the next one a success. Opening the log again drops them from the page
            // cache, as far as the system does what it is asked, and goes by what the disk has.
            Err(why) => {
                self.topic.stop(&why);
                refuse(group, LogError::Closed(why));
            }
        }
    }

    fn check_room(&self, bytes: u64) -> Result<(), LogError> {
        match self.files.free_bytes(&self.topic.dir) {
            Ok(free) if free < bytes.saturating_add(RESERVE_BYTES) => {
                Err(LogError::Unavailable(format!(
                    "the disk of {} is nearly full: {free} bytes are free and {RESERVE_BYTES} \
                     are kept in reserve; free space or lower the topic's cap",
                    self.topic.dir.display()
                )))
            }
            // Unknown is not full: writing will tell.
            _ => Ok(()),
        }
    }

    /// What an append gets that needs a new segment, which could not be made. Nothing of it was
    /// written. Where the system had no file descriptor or memory to spare, the next append tries
    /// again; anything else is the end of this writer.
    fn without_segment(&self, why: String, error: &io::Error) -> LogError {
        let code = error.raw_os_error().map(Errno::from_raw);
        if matches!(code, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) {
            return LogError::Unavailable(why);
        }
        self.topic.stop(&why);
        LogError::Closed(why)
    }

    /// Writes and syncs `group`, then makes it visible. An error is the end of this writer.
    fn store(&mut self, group: &[Request], now_us: i64) -> Result<(), String> {
        let heads: Vec<_> =
            group.iter().zip(self.next..).map(|(r, offset)| self.head(r, offset, now_us)).collect();
        let mut slices = Vec::with_capacity(2 * heads.len());
        for (head, request) in heads.iter().zip(group) {
            slices.push(IoSlice::new(head));
            slices.extend(payloads(&request.parts).map(|payload| IoSlice::new(payload)));
        }
        let path = &self.segment.path;
        let failed = |what: &str, error: &io::Error| describe(what, path, error);
        self.active.append(&mut slices).map_err(|e| failed("writing failed in", &e))?;
        self.active.sync().map_err(|e| failed("sync failed of", &e))?;

        let mut position = self.bytes;
        for (request, offset) in group.iter().zip(self.next..) {
            self.segment.note(offset, position);
            position += framed(request);
        }
        self.bytes = position;
        self.next += group.len() as u64;
        self.last_us = now_us;
        self.first_us.get_or_insert(now_us);
        self.topic.publish(self.bytes, self.next);
        Ok(())
    }

    /// Header and table of a record; its payloads are written from where they are.
    fn head(&self, request: &Request, offset: u64, now_us: i64) -> Vec<u8> {
        let mut head = vec![0; RECORD_HEADER];
        entry::encode_table(&request.parts, &mut head);
        let header = RecordHeader {
            segment: self.segment.id.unwrap_or_default(),
            offset,
            appended_at_us: now_us,
            body_len: u32::try_from(request.body_len).unwrap_or(u32::MAX),
        };
        let table = std::iter::once(&head[RECORD_HEADER..]);
        let header = header.encode(table.chain(payloads(&request.parts).map(Bytes::as_ref)));
        head[..RECORD_HEADER].copy_from_slice(&header);
        head
    }

    fn must_roll(&self, bytes: u64, now_us: i64) -> bool {
        let full = self.bytes + bytes > self.segment_bytes;
        let step = self.topic.settings.cap_age.map(|age| micros(age / SEGMENTS_PER_AGE));
        let aged = step
            .zip(self.first_us)
            .is_some_and(|(step, first)| now_us.saturating_sub(first) > step);
        self.is_left || self.bytes > SEGMENT_HEADER as u64 && (full || aged)
    }

    /// Goes on in a new segment, which is durable under its name before anything is in it.
    fn roll(&mut self) -> io::Result<()> {
        let (segment, header) = Segment::fresh(&self.topic.dir, self.next, self.last_us);
        self.is_left = true;
        self.active = create(&*self.files, &segment.path, &header)?;
        self.segment = Arc::new(segment);
        self.bytes = SEGMENT_HEADER as u64;
        self.first_us = None;
        self.is_left = false;
        let placed = Placed { segment: self.segment.clone(), bytes: self.bytes };
        self.topic.state.lock().segments.push_back(placed);
        Ok(())
    }

    /// Ends the log with an empty segment. Its name says how many entries come before, so
    /// that damage to the last of them is told from a torn tail when the log is opened again.
    fn seal(&mut self) {
        let running = self.topic.state.lock().stopped.is_none();
        if running
            && self.bytes > SEGMENT_HEADER as u64
            && let Err(error) = self.roll()
        {
            tracing::warn!(%error, "the log was closed without its seal");
        }
    }
}

fn framed(request: &Request) -> u64 {
    (RECORD_HEADER + request.body_len) as u64
}

fn payloads(parts: &[Part]) -> impl Iterator<Item = &Bytes> {
    parts.iter().map(|part| &part.payload)
}

fn answer(request: Request, result: Result<u64, LogError>) {
    // Whoever gave up waiting does not hear it; the entry stays.
    let _ = request.answer.send(result);
}
