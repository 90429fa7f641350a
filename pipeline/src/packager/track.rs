//! One track's path from the source to the origin.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::announce::{announce, common, fact_headers, media_type};
use super::put::{About, Ended, put};
use super::{Checked, Fault, Input, Object, PackagerError, QUEUE, Shared, check_fragment};
use crate::ladder::Track;
use crate::mp4::{self, Rewrite};

/// The header of a segment's defect.
const DEFECT: &str = "tallylight-defect";
/// A picture that does not change for `1 / FROZEN` of a second, or longer, is frozen.
const FROZEN: u32 = 2;
/// The origin's status for a segment whose ladder, init segment or slate it does not have.
const PRECONDITION_FAILED: u16 = 412;

/// What a source hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The track's init segment.
    Init(Bytes),
    /// One fragment.
    Segment(Bytes),
}

/// Where a source puts one track's pieces. Never waits.
#[derive(Debug)]
pub struct TrackInput {
    index: usize,
    shared: Arc<Shared>,
    queue: mpsc::Sender<Piece>,
}

impl TrackInput {
    /// Hands over a piece; a full queue drops it, which is counted.
    pub fn offer(&self, piece: Piece) {
        if self.queue.try_send(piece).is_err() {
            self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
            let track = self.shared.plan.ladder.tracks.get(self.index).map(|t| t.name.as_str());
            tracing::warn!(track, "the packager does not keep up; a segment was dropped");
        }
    }
}

pub(crate) fn open(index: usize, shared: &Arc<Shared>) -> (TrackInput, mpsc::Receiver<Piece>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (TrackInput { index, shared: Arc::clone(shared), queue: sender }, receiver)
}

/// Publishes until the input is dropped.
pub(crate) async fn run(
    index: usize,
    shared: Arc<Shared>,
    mut queue: mpsc::Receiver<Piece>,
    cancel: CancellationToken,
) -> Result<(), PackagerError> {
    let (Some(track), Some(announced)) =
        (shared.plan.ladder.tracks.get(index), shared.plan.inits.get(index))
    else {
        return Ok(());
    };
    while let Some(piece) = queue.recv().await {
        match piece {
            Piece::Init(init) => {
                let same = mp4::normalise_init(&init).is_ok_and(|init| init == *announced);
                if !same {
                    return Err(PackagerError::InitDiffers { track: track.name.clone() });
                }
            }
            Piece::Segment(bytes) => segment(&shared, track, &bytes, &cancel).await,
        }
    }
    Ok(())
}

/// Checks, stamps and PUTs one segment, and counts the result.
async fn segment(shared: &Shared, track: &Track, bytes: &[u8], cancel: &CancellationToken) {
    let counters = &shared.counters;
    let (k, object) = match prepare(shared, track, bytes) {
        Ok(prepared) => prepared,
        Err(fault) => {
            counters.wrong.fetch_add(1, Ordering::Relaxed);
            tracing::error!(track = track.name, %fault, "a wrong segment was not published");
            report_defect(shared, track, &fault, cancel).await;
            return;
        }
    };
    if shared.parts.faults.drops(k) {
        counters.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(track = track.name, k, "a fault switch loses this segment");
        return;
    }
    let slate_us = Some(shared.config.grid.slate_us(k));
    let about = About { track: &track.name, k: Some(k) };
    let mut ended = put(shared, object.clone(), about, slate_us, cancel).await;
    if ended == Ended::Refused(PRECONDITION_FAILED) && announce_again(shared, cancel).await {
        ended = put(shared, object, about, slate_us, cancel).await;
    }
    let counter = match ended {
        Ended::Taken => &counters.published,
        Ended::Refused(status) => {
            tracing::error!(track = track.name, k, status, "the origin refused a segment");
            &counters.refused
        }
        // The reason was logged when the origin became unreachable.
        Ended::TimeUp if counters.unreachable.load(Ordering::Relaxed) => &counters.late,
        Ended::TimeUp => {
            tracing::warn!(track = track.name, k, "a segment was too late; slate replaces it");
            &counters.late
        }
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Informs the origin, without the bytes, that a segment would break a player: the origin does not
/// wait for it and serves another pipeline's copy at once.
async fn report_defect(shared: &Shared, track: &Track, fault: &Fault, cancel: &CancellationToken) {
    let Some(k) = fault.k() else { return };
    let body = Bytes::new();
    let mut headers = common(shared, &body);
    headers.extend(fact_headers(track, &mp4::SegmentFacts::default()));
    headers.push((DEFECT, defect(fault.kind(), &fault.to_string())));
    let path = format!("/live/{}/{}/{k}.m4s", shared.config.stream, track.name);
    let object = Object { path, content_type: media_type(track), headers, body };
    let about = About { track: &track.name, k: Some(k) };
    let _ = put(shared, object, about, Some(shared.config.grid.slate_us(k)), cancel).await;
}

/// `kind; explanation`, in the characters that a header can carry.
fn defect(kind: &str, why: &str) -> String {
    let plain = |c: char| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' };
    format!("{kind}; {}", why.chars().map(plain).collect::<String>())
}

/// The encoder's facts about the input, as headers; a picture that does not change is a defect.
fn input_headers(shared: &Shared, track: &Track, k: u64) -> Vec<(&'static str, String)> {
    let input = if track.is_video() { Input::Video } else { Input::Audio };
    let Some(fed) = shared.parts.inputs.of(input, k) else { return Vec::new() };
    let mut headers = vec![("tallylight-input-hash", format!("{:016x}", fed.hash))];
    if fed.still >= shared.config.fps / FROZEN {
        let why = format!("the frame strip stands still for {} pictures", fed.still);
        headers.push((DEFECT, defect("frozen", &why)));
    }
    headers
}

/// Sends the ladder and its objects again to an origin that has lost any of them. The tracks
/// notice this at the same time, so they queue for it and repeat it harmlessly.
async fn announce_again(shared: &Shared, cancel: &CancellationToken) -> bool {
    let _one = shared.announcing.lock().await;
    tracing::warn!("the origin has lost the ladder or what belongs to it; announcing it again");
    announce(shared, cancel).await.unwrap_or(false)
}

fn prepare(shared: &Shared, track: &Track, bytes: &[u8]) -> Result<(u64, Object), Fault> {
    let Checked { k, facts } = check_fragment(&shared.plan.ladder, track, bytes)?;
    let to = Rewrite {
        tfdt: facts.tfdt,
        sequence: u32::try_from(k & u64::from(u32::MAX)).unwrap_or(0),
        // Epoch-locked: a sample's media time is the Unix time at which it was captured.
        taken_us: Some(unix_us(facts.tfdt, track.timescale)),
        slate: false,
    };
    let body = Bytes::from(mp4::rewrite(bytes, &to)?);
    let mut headers = common(shared, &body);
    headers.extend(fact_headers(track, &facts));
    headers.push(("tallylight-init", track.init.clone()));
    headers.extend(input_headers(shared, track, k));
    let path = format!("/live/{}/{}/{k}.m4s", shared.config.stream, track.name);
    Ok((k, Object { path, content_type: media_type(track), headers, body }))
}

fn unix_us(units: u64, timescale: u32) -> i64 {
    let us = u128::from(units) * 1_000_000 / u128::from(timescale.max(1));
    i64::try_from(us).unwrap_or(i64::MAX)
}
