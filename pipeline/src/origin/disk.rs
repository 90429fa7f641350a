//! The origin's copy on disk, so that a restart serves the same segments with the same choice.
//!
//! Under `<media>/<stream>/`: `ladder.json`, and per track `init-<hash>.mp4`,
//! `slate-<n>-<hash>.m4s`, `<K>.m4s` and `<K>.json`. The JSON is the choice, written after
//! the bytes, so a segment without it was never served. A file is replaced by a rename but not
//! synced, because the promise covers a killed process, not a lost machine: media older than
//! the window is worthless.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::copies::Copy;
use super::track::{Fixed, SLATE, Slate};
use crate::ladder::{is_init, is_name};
use crate::mp4;

/// A directory of the store, of a stream or of one of its tracks. `None` stores nothing.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    dir: Option<PathBuf>,
}

/// `<K>.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pipeline: String,
    published_at: i64,
    hash: String,
    /// All copies, served or not.
    #[serde(default)]
    copies: Vec<Copy>,
}

/// A track as found on disk.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) inits: BTreeMap<String, Bytes>,
    pub(super) slates: Vec<(u32, Slate)>,
    pub(super) fixed: BTreeMap<u64, (Fixed, Vec<Copy>)>,
}

impl Disk {
    pub(super) fn new(dir: Option<&Path>) -> Self {
        Self { dir: dir.map(Path::to_owned) }
    }

    pub(super) fn child(&self, name: &str) -> Self {
        Self { dir: self.dir.as_ref().map(|dir| dir.join(name)) }
    }

    /// Replaces a file atomically.
    pub(super) async fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        tokio::fs::create_dir_all(dir).await?;
        let draft = dir.join(format!(".{name}.tmp"));
        tokio::fs::write(&draft, bytes).await?;
        tokio::fs::rename(&draft, dir.join(name)).await
    }

    /// Writes the choice for `k` and its copies, and before that the bytes if they are a
    /// pipeline's.
    pub(super) async fn write_fixed(
        &self,
        k: u64,
        fixed: &Fixed,
        all: Vec<Copy>,
    ) -> io::Result<()> {
        if !fixed.is_slate() {
            self.write(&format!("{k}.m4s"), &fixed.body).await?;
        }
        self.write_choice(k, fixed, all).await
    }

    /// Writes the choice for `k` and its copies.
    pub(super) async fn write_choice(
        &self,
        k: u64,
        fixed: &Fixed,
        all: Vec<Copy>,
    ) -> io::Result<()> {
        let record = Record {
            pipeline: fixed.pipeline.to_string(),
            published_at: fixed.published_us,
            hash: format!("{:016x}", fixed.hash),
            copies: all,
        };
        self.write(&format!("{k}.json"), &serde_json::to_vec(&record)?).await
    }

    pub(super) async fn write_slate(&self, number: u32, slate: &Slate) -> io::Result<()> {
        self.write(&slate_name(number, slate.hash), &slate.bytes).await
    }

    pub(super) async fn remove(&self, k: u64) {
        let Some(dir) = &self.dir else { return };
        for name in [format!("{k}.json"), format!("{k}.m4s")] {
            // A slate has no file of its own, and an absent file is the desired result.
            let _ = tokio::fs::remove_file(dir.join(name)).await;
        }
    }

    pub(super) async fn remove_init(&self, file: &str) {
        let Some(dir) = &self.dir else { return };
        // A file that remains is found at the next start and removed one window later.
        let _ = tokio::fs::remove_file(dir.join(file)).await;
    }

    /// Names of the directories inside this one that could be streams or tracks.
    pub(super) fn children(&self) -> io::Result<Vec<String>> {
        let Some(dir) = &self.dir else { return Ok(Vec::new()) };
        let entries = match std::fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() && is_name(&name) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn read(&self, name: &str) -> Option<Bytes> {
        std::fs::read(self.dir.as_ref()?.join(name)).ok().map(Bytes::from)
    }

    /// Reads a track's directory. Segments that have left the window (`is_gone`), drafts, segments
    /// without a choice, damaged init segments and slates are removed; other damaged media is skipped.
    /// Damage is logged.
    pub(super) fn load(&self, is_gone: impl Fn(u64) -> bool) -> io::Result<Found> {
        let mut found = Found::default();
        let Some(dir) = &self.dir else { return Ok(found) };
        let mut slates = Vec::new();
        let mut choices = BTreeMap::new();
        let mut leftovers = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name =
                path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if is_init(&name) {
                let bytes = Bytes::from(std::fs::read(&path)?);
                // The hash in its name is the encoder's own, so its content has to tell.
                if let Err(error) = mp4::init_facts(&bytes) {
                    tracing::error!(dir = ?self.dir, name, %error, "a damaged init segment is removed");
                    leftovers.push(path);
                } else {
                    found.inits.insert(name, bytes);
                }
            } else if let Some((number, slate)) = self.slate(&name) {
                slates.push((std::fs::metadata(&path)?.modified()?, number, slate));
            } else if let Some(k) = name.strip_suffix(".json").and_then(|k| k.parse::<u64>().ok()) {
                choices.insert(k, std::fs::read(&path)?);
            } else if name.ends_with(".m4s") || name.ends_with(".tmp") {
                leftovers.push(path);
            }
        }
        // The newest slate of a number comes last, and is the one in use.
        slates.sort_by_key(|(modified, ..)| *modified);
        found.slates = slates.into_iter().map(|(_, number, slate)| (number, slate)).collect();
        for (k, choice) in choices {
            let fixed = if is_gone(k) { None } else { self.fixed(k, &choice, &found.slates) };
            match fixed {
                Some(fixed) => {
                    found.fixed.insert(k, fixed);
                    leftovers.retain(|path| !path.ends_with(format!("{k}.m4s")));
                }
                None => leftovers.push(dir.join(format!("{k}.json"))),
            }
        }
        let in_use: BTreeMap<u32, u64> =
            found.slates.iter().map(|(number, slate)| (*number, slate.hash)).collect();
        for (number, slate) in &found.slates {
            let bound = found.fixed.values().any(|(f, _)| f.is_slate() && f.hash == slate.hash);
            if !bound && in_use.get(number) != Some(&slate.hash) {
                leftovers.push(dir.join(slate_name(*number, slate.hash)));
            }
        }
        for path in leftovers {
            match std::fs::remove_file(path) {
                // The previous origin may just have renamed its last draft.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        Ok(found)
    }

    fn slate(&self, name: &str) -> Option<(u32, Slate)> {
        let (number, hash) = name.strip_prefix("slate-")?.strip_suffix(".m4s")?.split_once('-')?;
        let (number, hash) = (number.parse().ok()?, u64::from_str_radix(hash, 16).ok()?);
        let bytes = self.trusted(name, hash)?;
        Some((number, Slate { hash, bytes }))
    }

    fn fixed(&self, k: u64, choice: &[u8], slates: &[(u32, Slate)]) -> Option<(Fixed, Vec<Copy>)> {
        let record: Record = serde_json::from_slice(choice).ok()?;
        let hash = u64::from_str_radix(&record.hash, 16).ok()?;
        let body = if record.pipeline == SLATE {
            slates.iter().find(|(_, slate)| slate.hash == hash)?.1.bytes.clone()
        } else {
            self.trusted(&format!("{k}.m4s"), hash)?
        };
        let published_us = record.published_at;
        let fixed = Fixed { pipeline: record.pipeline.into(), published_us, hash, body };
        Some((fixed, record.copies))
    }

    /// The file's bytes if they still have the hash they were stored with.
    fn trusted(&self, name: &str, hash: u64) -> Option<Bytes> {
        let bytes = self.read(name)?;
        if xxh3_64(&bytes) == hash {
            return Some(bytes);
        }
        tracing::error!(dir = ?self.dir, name, "stored media is damaged and skipped");
        None
    }
}

fn slate_name(number: u32, hash: u64) -> String {
    format!("slate-{number}-{hash:016x}.m4s")
}
