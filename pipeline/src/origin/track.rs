//! One track in memory: what each K was fixed as, and the requests that wait for each K.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tallylight_schemas::clock::Clock;
use tokio::sync::Notify;

use super::copies::{Copies, Copy, Outcome};
use super::disk::{Disk, Found};

/// The slate's name, in the place of a pipeline's.
pub const SLATE: &str = "slate";
/// The most init segments, and the most slates, of a track.
const MAX_EXTRAS: usize = 16;

/// What segment K was fixed as, which never changes again.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    /// The copy's pipeline, or [`SLATE`].
    pub pipeline: Arc<str>,
    /// When it became available, Unix µs.
    pub published_us: i64,
    /// Hash of `body`.
    pub hash: u64,
    /// The segment; for the slate, as it was stored, before it is moved to K's time.
    pub body: Bytes,
}

impl Fixed {
    /// Whether the slate replaces K.
    pub(super) fn is_slate(&self) -> bool {
        &*self.pipeline == SLATE
    }
}

/// A slate as the encoder made it.
#[derive(Debug, Clone)]
pub(super) struct Slate {
    /// Hash of `bytes`.
    pub hash: u64,
    /// The segment, at any time.
    pub bytes: Bytes,
}

/// An init segment as the encoder made it.
#[derive(Debug)]
struct Init {
    bytes: Bytes,
    /// When it was stored, or last named by the ladder, Unix µs.
    needed_us: i64,
}

/// One track.
#[derive(Debug)]
pub(super) struct Track {
    state: Mutex<State>,
    /// Held while K is being fixed, so that the disk and the memory agree on the order.
    pub(super) writer: tokio::sync::Mutex<()>,
    pub(super) disk: Disk,
}

#[derive(Debug, Default)]
struct State {
    inits: BTreeMap<String, Init>,
    slates: BTreeMap<u32, Slate>,
    fixed: BTreeMap<u64, Fixed>,
    copies: Copies,
    /// Only a K that may still arrive has an entry, so there are two or three.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

impl Track {
    /// A track with what was found of it on disk at `now_us`.
    pub(super) fn new(disk: Disk, found: Found, now_us: i64) -> Self {
        let slates = found.slates.into_iter().collect();
        let mut copies = Copies::default();
        for (k, (fixed, arrived)) in &found.fixed {
            copies.decided(*k, Outcome::from(fixed));
            copies.restore(*k, arrived.clone());
        }
        let fixed = found.fixed.into_iter().map(|(k, (fixed, _))| (k, fixed)).collect();
        let init = |(file, bytes)| (file, Init { bytes, needed_us: now_us });
        let inits = found.inits.into_iter().map(init).collect();
        let state = State { inits, slates, fixed, copies, waiting: BTreeMap::new() };
        Self { state: Mutex::new(state), writer: tokio::sync::Mutex::default(), disk }
    }

    /// What `k` was fixed as.
    pub(super) fn fixed(&self, k: u64) -> Option<Fixed> {
        self.state.lock().fixed.get(&k).cloned()
    }

    /// Fixes `k`, unless it is fixed already, and wakes the requests that wait for it.
    pub(super) fn fix(&self, k: u64, fixed: Fixed) {
        let mut state = self.state.lock();
        state.copies.decided(k, Outcome::from(&fixed));
        state.fixed.entry(k).or_insert(fixed);
        if let Some(waiting) = state.waiting.remove(&k) {
            waiting.notify_waiters();
        }
    }

    /// The copies of `k`.
    pub(super) fn copies(&self, k: u64) -> Vec<Copy> {
        self.state.lock().copies.of(k).to_vec()
    }

    /// Reads from all copies, under the track's lock.
    pub(super) fn with_copies<T>(&self, read: impl FnOnce(&Copies) -> T) -> T {
        read(&self.state.lock().copies)
    }

    /// Records a copy of `k`; its bytes only while it may still be chosen.
    pub(super) fn record(&self, k: u64, copy: Copy, body: Option<Bytes>) {
        self.state.lock().copies.record(k, copy, body);
    }

    /// Waits until `k` is fixed, or the clock passes `until_us`.
    pub(super) async fn wait(&self, k: u64, until_us: i64, clock: &dyn Clock) -> Option<Fixed> {
        loop {
            let notify = self.state.lock().waiting.entry(k).or_default().clone();
            let woken = notify.notified();
            // Checked after registering: a fix in between is seen here, a later one wakes us.
            if let Some(fixed) = self.fixed(k) {
                self.state.lock().waiting.remove(&k);
                return Some(fixed);
            }
            let left = until_us.saturating_sub(clock.now_us());
            let Ok(left @ 1..) = u64::try_from(left) else { return None };
            tokio::select! {
                () = woken => {}
                // The clock, not the timer, decides: it may have been stepped meanwhile.
                () = tokio::time::sleep(Duration::from_micros(left)) => {}
            }
        }
    }

    /// The slate with this number.
    pub(super) fn slate(&self, number: u32) -> Option<Slate> {
        self.state.lock().slates.get(&number).cloned()
    }

    /// Stores a slate for segments yet to be fixed. `false` when there are too many.
    pub(super) fn put_slate(&self, number: u32, slate: Slate) -> bool {
        let mut state = self.state.lock();
        let fits = state.slates.len() < MAX_EXTRAS || state.slates.contains_key(&number);
        if fits {
            state.slates.insert(number, slate);
        }
        fits
    }

    /// The init segment with that file name.
    pub(super) fn init(&self, file: &str) -> Option<Bytes> {
        self.state.lock().inits.get(file).map(|init| init.bytes.clone())
    }

    /// Stores an init segment, or records that it is still needed. `false` when there are too many.
    pub(super) fn put_init(&self, file: &str, bytes: Bytes, now_us: i64) -> bool {
        let mut state = self.state.lock();
        let fits = state.inits.len() < MAX_EXTRAS || state.inits.contains_key(file);
        if fits {
            state.inits.insert(file.to_owned(), Init { bytes, needed_us: now_us });
        }
        fits
    }

    /// Drops the init segments that no segment in the window needs: the ladder does not name them,
    /// and by `is_gone` the segments of their time have left the window. Returns their file names.
    pub(super) fn prune_inits(
        &self,
        is_named: impl Fn(&str) -> bool,
        is_gone: impl Fn(i64) -> bool,
        now_us: i64,
    ) -> Vec<String> {
        let mut state = self.state.lock();
        let gone = state.inits.extract_if(.., |file, init| {
            if is_named(file) {
                init.needed_us = now_us;
            }
            is_gone(init.needed_us)
        });
        gone.map(|(file, _)| file).collect()
    }

    /// Whether any K of this track is a pipeline's copy.
    pub(super) fn has_programme(&self) -> bool {
        self.state.lock().fixed.values().any(|fixed| !fixed.is_slate())
    }

    /// Bytes held for segments. Slates share theirs, so they do not count.
    pub(super) fn bytes(&self) -> u64 {
        let state = self.state.lock();
        let fixed = state.fixed.values().filter(|f| !f.is_slate());
        fixed.map(|f| f.body.len() as u64).sum::<u64>() + state.copies.bytes()
    }

    /// Drops the bytes of all segments older than `oldest`; returns their numbers.
    pub(super) fn prune(&self, oldest: u64) -> Vec<u64> {
        let mut state = self.state.lock();
        let kept = state.fixed.split_off(&oldest);
        let gone = std::mem::replace(&mut state.fixed, kept);
        state.waiting = state.waiting.split_off(&oldest);
        state.copies.prune(oldest);
        gone.into_keys().collect()
    }
}
