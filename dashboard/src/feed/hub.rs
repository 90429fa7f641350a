//! What all clients share: the live store, the ring of deltas and the broadcast channel.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::rows::TopicRows;
use tallylight_store::live::{Changes, Cursor, LiveStore, Tables};
use tokio::sync::{Notify, broadcast, watch};

use super::FeedQuery;
use super::message::{self, RowsKind};
use super::ring::Ring;
use crate::health::Metrics;
use crate::settings::Settings;

/// Rows in one message: about 200 kB, so that messages still arrive on a slow connection.
pub(super) const MAX_ROWS: usize = 1_000;

/// How far back a snapshot reaches when the client does not say.
const DEFAULT_SINCE_S: u32 = 300;

/// A message to every client. The text is shared, never copied.
#[derive(Debug, Clone)]
pub(super) enum Outgoing {
    Delta { seq: u64, text: Utf8Bytes },
    Status(Utf8Bytes),
}

/// What a client gets first.
#[derive(Debug)]
pub(super) enum First {
    /// It has everything before these deltas.
    Missed(Vec<Utf8Bytes>),
    /// It needs a snapshot, to be read with [`Hub::part`] from here on.
    Snapshot(Cursor),
}

/// A client's position in the feed.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) first: First,
    /// Number of the newest delta that `first` covers.
    pub(super) seq: u64,
    pub(super) status: Option<Utf8Bytes>,
    pub(super) next: broadcast::Receiver<Outgoing>,
}

#[derive(Debug)]
struct Inner {
    store: LiveStore,
    pending: Changes,
    ring: Ring,
    status: Option<Utf8Bytes>,
}

#[derive(Debug)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    clients: broadcast::Sender<Outgoing>,
    changed: Notify,
    ready: watch::Sender<bool>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    session: String,
}

impl Hub {
    pub(crate) fn new(settings: &Settings, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        // Numbers start at the time of the boot, so that one from an earlier boot, however long
        // it ran, is never mistaken for one from this boot.
        let first = u64::try_from(clock.now_ms()).unwrap_or(0).saturating_mul(1_000);
        let feed = &settings.feed;
        let inner = Inner {
            store: LiveStore::new(settings.live.clone()),
            pending: Changes::default(),
            ring: Ring::new(first, feed.ring_messages, feed.ring_bytes),
            status: None,
        };
        Self {
            inner: Mutex::new(inner),
            clients: broadcast::Sender::new(feed.queue_messages),
            changed: Notify::new(),
            ready: watch::Sender::new(false),
            session: format!("{:x}", clock.now_us()),
            clock,
            metrics,
        }
    }

    pub(super) fn session(&self) -> &str {
        &self.session
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until the rows in the log have been read.
    pub(super) async fn wait_ready(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Marks everything in the log as read. Changes up to here are not published.
    pub(super) fn set_ready(&self) {
        if !self.is_ready() {
            self.inner.lock().pending = Changes::default();
            self.ready.send_replace(true);
        }
    }

    /// Takes in the rows of one log entry.
    pub(super) fn apply(&self, rows: TopicRows) {
        let mut inner = self.inner.lock();
        let Inner { store, pending, .. } = &mut *inner;
        store.apply(rows, pending);
        let changed = !pending.is_empty();
        drop(inner);
        if changed {
            self.changed.notify_one();
        }
    }

    /// Waits for a change that was not published yet.
    pub(super) async fn wait_changed(&self) {
        self.changed.notified().await;
    }

    /// Sends what changed to every client.
    pub(super) fn publish(&self) {
        let tables = {
            let mut inner = self.inner.lock();
            let pending = std::mem::take(&mut inner.pending);
            inner.store.read(&pending)
        };
        if tables.is_empty() {
            return;
        }
        let at = self.now_ms();
        for piece in message::pieces(&tables, MAX_ROWS) {
            // Written outside the lock: only this function assigns numbers.
            let seq = self.inner.lock().ring.last() + 1;
            let text = piece.message(seq, at, RowsKind::Delta);
            self.metrics.deltas.inc();
            self.metrics.delta_bytes.inc_by(text.len() as u64);
            let mut inner = self.inner.lock();
            inner.ring.push(text.clone());
            // Within the lock, so that a client that joins now gets it exactly once; an error
            // only means that there are no clients.
            let _ = self.clients.send(Outgoing::Delta { seq, text });
        }
    }

    /// Sends every client the state of the platform.
    pub(super) fn publish_status(&self, text: Utf8Bytes) {
        let mut inner = self.inner.lock();
        inner.status = Some(text.clone());
        let _ = self.clients.send(Outgoing::Status(text));
    }

    /// Reads the store.
    pub(crate) fn with_store<T>(&self, read: impl FnOnce(&LiveStore) -> T) -> T {
        read(&self.inner.lock().store)
    }

    /// Current panes of a snapshot, up to about one message, and where the rest begins. What
    /// changes between two parts is also sent as a delta.
    pub(super) fn part(&self, from: Cursor) -> (Tables, Option<Cursor>) {
        self.inner.lock().store.part(from, MAX_ROWS)
    }

    /// Subscribes a client, with what it needs from before.
    pub(super) fn join(&self, query: &FeedQuery) -> Joined {
        let known = query.session.as_ref().is_none_or(|session| *session == self.session);
        let resume = query.resume.filter(|_| known);
        let since_s = i64::from(query.since_s.unwrap_or(DEFAULT_SINCE_S));
        let since_us = self.clock.now_us() - since_s * 1_000_000;
        let inner = self.inner.lock();
        let first = match resume.and_then(|seq| inner.ring.after(seq)) {
            Some(missed) => First::Missed(missed),
            None => First::Snapshot(Cursor::since(since_us)),
        };
        Joined {
            first,
            seq: inner.ring.last(),
            status: inner.status.clone(),
            next: self.clients.subscribe(),
        }
    }
}
