//! One stream at the origin: its ladder and its tracks, both bounded.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, Found};
use super::masks::{self, Masks};
use super::pure::schedule::Schedule;
use super::slot::Slot;
use super::track::Track;
use crate::ladder::{Ladder, MAX_TRACKS};

/// Window and margin; with a ladder's grid they make a [`Schedule`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// How long after its end a segment stays available, µs.
    pub window_us: i64,
    /// Publish margin, µs.
    pub margin_us: i64,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its name.
    pub name: String,
    window: Window,
    pub(super) disk: Disk,
    /// The pipelines that it prefers, and those that it does not serve.
    pub(super) masks: Arc<Masks>,
    state: Mutex<State>,
    /// Held while a ladder or a mask is replaced.
    pub(super) writer: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    ladder: Option<Arc<Ladder>>,
    tracks: BTreeMap<String, Arc<Track>>,
}

impl Stream {
    pub(super) fn new(name: &str, window: Window, order: &[String], root: &Disk) -> Self {
        let disk = root.child(name);
        Self {
            name: name.to_owned(),
            window,
            disk,
            masks: Arc::new(Masks::new(order)),
            state: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
        }
    }

    /// Reads the stream back from disk.
    pub(super) fn load(
        name: &str,
        window: Window,
        order: &[String],
        root: &Disk,
        now_us: i64,
    ) -> io::Result<Self> {
        let stream = Self::new(name, window, order, root);
        let masked =
            stream.disk.read(masks::FILE).and_then(|text| serde_json::from_slice(&text).ok());
        stream.masks.set(masked.unwrap_or_default());
        let ladder = stream
            .disk
            .read("ladder.json")
            .and_then(|text| serde_json::from_slice::<Ladder>(&text).ok());
        let ladder = ladder.filter(|ladder| ladder.validate().is_ok() && ladder.stream == name);
        let schedule = ladder.as_ref().map(|ladder| stream.schedule(ladder));
        for track in stream.disk.children()?.into_iter().take(MAX_TRACKS) {
            let disk = stream.disk.child(&track);
            // Without a ladder there is no schedule, so a K has no meaning.
            let found = disk.load(|k| schedule.is_none_or(|s| s.is_gone(k, now_us)))?;
            stream.state.lock().tracks.insert(track, Arc::new(Track::new(disk, found, now_us)));
        }
        stream.state.lock().ladder = ladder.map(Arc::new);
        Ok(stream)
    }

    /// The stream's ladder, once the encoder has sent it.
    pub(super) fn ladder(&self) -> Option<Arc<Ladder>> {
        self.state.lock().ladder.clone()
    }

    /// The schedule of this stream with that ladder.
    pub(super) fn schedule(&self, ladder: &Ladder) -> Schedule {
        Schedule {
            grid: ladder.grid,
            window_us: self.window.window_us,
            margin_us: self.window.margin_us,
        }
    }

    /// The track with that name, if anything of it was ever stored or announced.
    pub(super) fn track(&self, name: &str) -> Option<Arc<Track>> {
        self.state.lock().tracks.get(name).cloned()
    }

    /// The slot of segment `k` of `track`; `None` when the ladder has no such track.
    pub(super) fn slot(&self, ladder: Arc<Ladder>, track: &str, k: u64) -> Option<Slot> {
        let rung = ladder.tracks.iter().position(|t| t.name == track)?;
        let (schedule, track) = (self.schedule(&ladder), self.track(track)?);
        Some(Slot { ladder, rung, track, schedule, k, masks: self.masks.clone() })
    }

    /// All tracks.
    pub(super) fn tracks(&self) -> Vec<Arc<Track>> {
        self.state.lock().tracks.values().cloned().collect()
    }

    /// The track with that name, created if there is room for another.
    pub(super) fn track_or_new(&self, name: &str) -> Option<Arc<Track>> {
        let mut state = self.state.lock();
        if !state.tracks.contains_key(name) && state.tracks.len() >= MAX_TRACKS {
            return None;
        }
        let new = || Arc::new(Track::new(self.disk.child(name), Found::default(), 0));
        Some(state.tracks.entry(name.to_owned()).or_insert_with(new).clone())
    }

    /// Whether every init segment that `ladder` names is stored.
    pub(super) fn is_complete(&self, ladder: &Ladder) -> bool {
        ladder
            .tracks
            .iter()
            .all(|t| self.track(&t.name).is_some_and(|track| track.init(&t.init).is_some()))
    }

    /// Stores the ladder; the caller has checked it.
    pub(super) async fn put_ladder(&self, ladder: Ladder, text: &[u8]) -> io::Result<()> {
        let written = self.disk.write("ladder.json", text).await;
        for track in &ladder.tracks {
            let _ = self.track_or_new(&track.name);
        }
        self.state.lock().ladder = Some(Arc::new(ladder));
        written
    }
}
