//! The bounded buffer between services, which never wait, and the task that sends.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;
use tallylight_schemas::delivery::{DeliveryEvent, Service};
use tokio::sync::Notify;

use super::{Counts, Report};

/// Events that may wait for the collector.
pub(super) const CAPACITY: usize = 10_000;

/// The most bytes of CMCD in one batch. JSON may escape one byte as six, so a batch stays below
/// the collector's body limit whatever players send.
const CMCD: usize = 96 << 10;

/// An event, with the CMCD of the request that it reports.
#[derive(Debug, Clone, Serialize)]
pub(super) struct QueuedEvent {
    #[serde(flatten)]
    event: DeliveryEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmcd: Option<String>,
}

#[derive(Debug)]
pub(super) struct Queue {
    service: Service,
    source: String,
    boot: u64,
    enabled: bool,
    state: Mutex<State>,
    arrived: Notify,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    seq: u64,
    waiting: VecDeque<QueuedEvent>,
    closed: bool,
    reported: u64,
    lost: u64,
}

impl Queue {
    pub(super) fn new(service: Service, source: &str, boot: u64, enabled: bool) -> Self {
        Self {
            service,
            source: source.to_owned(),
            boot,
            enabled,
            state: Mutex::default(),
            arrived: Notify::new(),
            settled: Notify::new(),
        }
    }

    pub(super) fn push(&self, report: Report) {
        if !self.enabled {
            return;
        }
        let mut state = self.state.lock();
        let seq = state.seq;
        state.seq += 1;
        if state.closed || state.waiting.len() >= CAPACITY {
            state.lost += 1;
            return;
        }
        state.waiting.push_back(self.event(seq, report));
        drop(state);
        self.arrived.notify_one();
    }

    fn event(&self, seq: u64, report: Report) -> QueuedEvent {
        let event = DeliveryEvent {
            source: self.source.clone(),
            boot: self.boot,
            seq,
            ts: report.ts,
            service: self.service,
            action: report.action,
            stream: report.stream,
            track: report.track,
            k: report.k,
            status: report.status,
            bytes: report.bytes,
            ttfb_us: report.ttfb_us,
            held_us: report.held_us,
            hit: report.hit,
            edge: report.edge,
            pipeline: report.pipeline,
            sid: report.sid,
            cid: report.cid,
            reserved_kbps: report.load.map(|load| load.reserved_kbps),
            capacity_kbps: report.load.map(|load| load.capacity_kbps),
            sessions: report.load.map(|load| load.sessions),
            late_us: report.late_us,
            defect: report.defect,
        };
        QueuedEvent { event, cmcd: report.cmcd }
    }

    /// The oldest events, at most `limit` and with at most [`CMCD`] bytes of CMCD. They stay queued
    /// until [`Queue::settle`], so that a retry carries the same sequence numbers.
    pub(super) fn oldest(&self, limit: usize) -> Vec<QueuedEvent> {
        let mut text = 0;
        let fits = |queued: &&QueuedEvent| {
            text += queued.cmcd.as_ref().map_or(0, String::len);
            text <= CMCD
        };
        self.state.lock().waiting.iter().take(limit).take_while(fits).cloned().collect()
    }

    /// Removes the oldest `count` events, of which `lost` were not stored and are given up.
    pub(super) fn settle(&self, count: usize, lost: usize) {
        let mut state = self.state.lock();
        let count = count.min(state.waiting.len());
        state.waiting.drain(..count);
        let lost = lost.min(count);
        state.reported += u64::try_from(count - lost).unwrap_or(0);
        state.lost += u64::try_from(lost).unwrap_or(0);
        drop(state);
        self.settled.notify_waiters();
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().waiting.len()
    }

    pub(super) fn counts(&self) -> Counts {
        let state = self.state.lock();
        let waiting = u64::try_from(state.waiting.len()).unwrap_or(0);
        Counts { reported: state.reported, lost: state.lost, waiting }
    }

    /// Waits until something was pushed, or the queue was closed.
    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Waits until the queue is empty.
    pub(super) async fn drained(&self) {
        loop {
            let settled = self.settled.notified();
            if self.len() == 0 {
                return;
            }
            settled.await;
        }
    }
}
