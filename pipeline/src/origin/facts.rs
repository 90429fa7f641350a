//! The facts that a PUT claims about its segment, and their verification.

use axum::http::{HeaderMap, StatusCode};
use tallylight_schemas::headers::PIPELINE;
use xxhash_rust::xxh3::xxh3_64;

use super::copies::{Copy, Defect};
use super::slot::Slot;
use super::track::SLATE;
use crate::mp4::{self, SegmentFacts};
use crate::serve::problem::{self, Problem};

/// Longest pipeline name.
const MAX_PIPELINE: usize = 16;

/// The facts headers of a segment PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claimed {
    /// The pipeline that sent it.
    pub pipeline: String,
    /// Frames in the segment.
    pub frames: u32,
    /// Its duration in units of `timescale`.
    pub duration: u64,
    /// Units per second.
    pub timescale: u32,
    /// Decode time of its first frame.
    pub tfdt: u64,
    /// xxh3 of the body.
    pub hash: u64,
    /// When the packager sent it, Unix µs.
    pub published_us: i64,
    /// Hash of the encoder's input for it.
    pub input_hash: Option<u64>,
    /// The init segment it belongs to.
    pub init: Option<String>,
    /// The defect that the packager found.
    pub defect: Option<Defect>,
}

impl Claimed {
    /// Reads the headers; 400 names all that are missing or unreadable.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut wrong = Vec::new();
        let pipeline = text(headers, PIPELINE).filter(|name| is_pipeline(name));
        if pipeline.is_none() {
            wrong.push("Tallylight-Pipeline");
        }
        let claimed = Self {
            pipeline: pipeline.unwrap_or_default().to_owned(),
            frames: number(headers, "tallylight-frames", &mut wrong),
            duration: number(headers, "tallylight-duration", &mut wrong),
            timescale: number(headers, "tallylight-timescale", &mut wrong),
            tfdt: number(headers, "tallylight-tfdt", &mut wrong),
            hash: hash(headers).unwrap_or_else(|| {
                wrong.push("tallylight-hash");
                0
            }),
            published_us: number(headers, "tallylight-published-at", &mut wrong),
            input_hash: hex(headers, "tallylight-input-hash"),
            init: text(headers, "tallylight-init").map(str::to_owned),
            defect: text(headers, "tallylight-defect").map(defect),
        };
        if wrong.is_empty() {
            return Ok(claimed);
        }
        let detail = format!("These headers are missing or unreadable: {}", wrong.join(", "));
        Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "facts",
            "A segment's PUT carries its facts",
            detail,
        ))
    }

    /// The record of the copy that arrived with these facts.
    pub(super) fn copy(&self, arrived_us: i64, bytes: u64) -> Copy {
        Copy {
            pipeline: self.pipeline.clone(),
            arrived_us,
            hash: self.hash,
            bytes,
            frames: self.frames,
            input_hash: self.input_hash,
            defect: self.defect.clone(),
        }
    }

    /// Compares the claimed facts, the bytes and the schedule; 422 names every difference.
    pub(super) fn check(&self, slot: &Slot, body: &[u8]) -> Result<(), Problem> {
        let mut wrong = Vec::new();
        let mut differs = |what: &str, want: String, got: String| {
            if want != got {
                wrong.push(format!("{what} is {got} and should be {want}"));
            }
        };
        differs(
            "Tallylight-Hash",
            format!("{:016x}", xxh3_64(body)),
            format!("{:016x}", self.hash),
        );
        let Some(rung) = slot.rung() else {
            return Err(problem::not_found("The ladder has no such track"));
        };
        if let Some(init) = &self.init {
            // Players have loaded the announced init segment and request no other.
            differs("Tallylight-Init", rung.init.clone(), init.clone());
        }
        differs("Tallylight-Timescale", rung.timescale.to_string(), self.timescale.to_string());
        match mp4::facts(body) {
            Err(error) => wrong.push(format!("the body is not a segment: {error}")),
            Ok(facts) => {
                differs("Tallylight-Tfdt", facts.tfdt.to_string(), self.tfdt.to_string());
                differs("Tallylight-Frames", facts.frames.to_string(), self.frames.to_string());
                differs(
                    "Tallylight-Duration",
                    facts.duration.to_string(),
                    self.duration.to_string(),
                );
                let expected =
                    |value: Option<u64>| value.map_or("a whole number".into(), |v| v.to_string());
                let ladder = &slot.ladder;
                differs("tfdt", expected(ladder.tfdt(rung, slot.k)), facts.tfdt.to_string());
                differs(
                    "frames",
                    expected(ladder.frames(rung, slot.k).map(u64::from)),
                    facts.frames.to_string(),
                );
                differs(
                    "duration",
                    expected(ladder.duration(rung, slot.k)),
                    facts.duration.to_string(),
                );
                wrong.extend(unplayable(&facts).map(str::to_owned));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let detail = format!("Segment {} of {:?}: {}", slot.k, rung.name, wrong.join("; "));
        Err(problem::invalid(detail))
    }
}

/// Reasons why a segment with correct facts still cannot be played on its own.
fn unplayable(facts: &SegmentFacts) -> impl Iterator<Item = &'static str> {
    let reasons = [
        (!facts.first_is_sync, "the first frame is not a sync sample"),
        (facts.first_offset != 0, "the first picture is not shown at tfdt"),
    ];
    reasons.into_iter().filter_map(|(bad, reason)| bad.then_some(reason))
}

/// Whether `name` can be a pipeline's, such as `A`. The slate's name is reserved.
pub(crate) fn is_pipeline(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !name.is_empty() && name.len() <= MAX_PIPELINE && name.bytes().all(plain) && name != SLATE
}

/// Reads `kind; explanation`, both truncated to fit the segments page.
fn defect(text: &str) -> Defect {
    let (kind, why) = text.split_once(';').unwrap_or((text, ""));
    let short = |text: &str, most| text.trim().chars().take(most).collect();
    Defect { kind: short(kind, 24), why: short(why, 200) }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number<T: std::str::FromStr + Default>(
    headers: &HeaderMap,
    name: &'static str,
    wrong: &mut Vec<&'static str>,
) -> T {
    text(headers, name).and_then(|value| value.parse().ok()).unwrap_or_else(|| {
        wrong.push(name);
        T::default()
    })
}

/// The xxh3 a header claims for the body.
pub(super) fn hash(headers: &HeaderMap) -> Option<u64> {
    hex(headers, "tallylight-hash")
}

fn hex(headers: &HeaderMap, name: &str) -> Option<u64> {
    u64::from_str_radix(text(headers, name)?, 16).ok()
}
