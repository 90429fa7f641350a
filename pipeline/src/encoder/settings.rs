//! An encoder's settings.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use tallylight_schemas::grid::Grid;

use super::EncoderError;
use crate::ladder::is_name;
use crate::origin::is_pipeline;
use crate::serve::build::{HTTP, is_http};

/// Where the programme comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Drawn and encoded live by GStreamer; the default of a build that has it.
    #[cfg_attr(feature = "media", default)]
    Gst,
    /// A short recording, shifted to the current time.
    #[cfg_attr(not(feature = "media"), default)]
    Loop,
}

/// The video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// H.264, which every player supports.
    #[default]
    Avc,
    /// H.265: the same picture for fewer bits, for players that support it.
    Hevc,
}

/// One video rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Track name.
    pub name: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bitrate.
    pub kbps: u32,
    /// Its codec; `avc` if omitted.
    #[serde(default)]
    pub codec: Codec,
}

/// The audio rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audio {
    /// Track name.
    pub name: String,
    /// Samples per second, 8,000 to 48,000.
    pub rate: u32,
    /// Bitrate.
    pub kbps: u32,
}

impl Default for Audio {
    fn default() -> Self {
        Self { name: "audio".into(), rate: 48_000, kbps: 64 }
    }
}

/// What the encoders produce. The encoders of all pipelines share these settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Stream name.
    pub stream: String,
    /// The pipeline of an encoder that runs alone without `--pipeline`; `up` runs an encoder for
    /// each of `pipelines`.
    pub pipeline: String,
    /// Where the programme comes from. The default of a build without GStreamer is `loop`.
    pub source: Source,
    /// The origin, such as `http://127.0.0.1:7710`.
    pub origin_url: String,
    /// The collector, to which every PUT is reported; none reports nothing.
    pub collector_url: Option<String>,
    /// The write key for the collector.
    pub write_key: String,
    /// The key that proves to the collector that this is a service of ours; none uses the common
    /// one.
    pub service_key: Option<String>,
    /// Segment schedule.
    pub grid: Grid,
    /// Video frames per second; a segment must hold a whole number of them.
    pub fps: u32,
    /// Video renditions, the largest first: the picture is drawn at that size.
    pub rungs: Vec<Rung>,
    /// The audio rendition.
    pub audio: Audio,
    /// x264's `speed-preset`, which trades quality for CPU: `ultrafast`, `superfast`, `veryfast`,
    /// `faster` or `fast`.
    pub preset: String,
}

impl Default for Settings {
    fn default() -> Self {
        let rung = |width, height, kbps| {
            let name = format!("v-{height}");
            Rung { name, width, height, kbps, codec: Codec::Avc }
        };
        Self {
            stream: "demo".into(),
            pipeline: "A".into(),
            source: Source::default(),
            origin_url: "http://127.0.0.1:7710".into(),
            collector_url: None,
            write_key: "demo".into(),
            service_key: None,
            grid: Grid::DEMO,
            fps: 25,
            rungs: vec![rung(640, 360, 500), rung(480, 270, 300), rung(320, 180, 150)],
            audio: Audio::default(),
            preset: "superfast".into(),
        }
    }
}

/// The x264 presets that can encode live on a small machine.
const PRESETS: [&str; 5] = ["ultrafast", "superfast", "veryfast", "faster", "fast"];
/// The bitrates that a rung may have.
const KBPS: RangeInclusive<u32> = 50..=50_000;

impl Settings {
    /// Adds an H.265 rung in the largest size, unless there is one or the settings would become
    /// invalid, such as by a ninth rung: the ladder `demo-hevc`.
    pub fn with_hevc(self) -> Self {
        let mut wider = self.clone();
        let best = self.rungs.first().cloned();
        if let Some(best) = best.filter(|_| self.rungs.iter().all(|r| r.codec == Codec::Avc)) {
            let name = format!("{}-hevc", best.name);
            let kbps = (best.kbps * 3 / 5).max(*KBPS.start());
            wider.rungs.push(Rung { name, kbps, codec: Codec::Hevc, ..best });
        }
        if wider.validate().is_ok() { wider } else { self }
    }

    /// All mistakes together.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        for (what, name) in [("stream", &self.stream), ("audio.name", &self.audio.name)] {
            if !is_name(name) {
                mistakes.push(format!("{what} {name:?} is not a name (a-z, 0-9, -, _)"));
            }
        }
        if !is_pipeline(&self.pipeline) {
            let rule = "1 to 16 of A-Z, a-z, 0-9, - and _, other than `slate`";
            mistakes.push(format!("pipeline {:?} is not {rule}", self.pipeline));
        }
        let urls = [
            ("origin_url", Some(&self.origin_url)),
            ("collector_url", self.collector_url.as_ref()),
        ];
        for (what, url) in urls.into_iter().filter_map(|(what, url)| Some((what, url?))) {
            if !is_http(url) {
                mistakes.push(format!("{what} {url:?} is not {HTTP}"));
            }
        }
        let frames = self.grid.frames(self.fps);
        if !(1..=120).contains(&self.fps) || frames.is_none() {
            mistakes.push(format!("fps {} puts no whole number of frames in a segment", self.fps));
        }
        if !(8_000..=48_000).contains(&self.audio.rate) || !(16..=512).contains(&self.audio.kbps) {
            mistakes.push("audio: rate must be 8,000 to 48,000 Hz, kbps 16 to 512".into());
        }
        if !PRESETS.contains(&self.preset.as_str()) {
            mistakes.push(format!("preset {:?} is none of {}", self.preset, PRESETS.join(", ")));
        }
        if self.rungs.is_empty() || self.rungs.len() > 8 {
            mistakes.push(format!("rungs: 1 to 8, not {}", self.rungs.len()));
        }
        for rung in self.rungs.iter().take(8) {
            self.validate_rung(rung, &mut mistakes);
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// Fails if this build can never play the source with these settings, however often it starts.
    pub fn playable(&self) -> Result<(), EncoderError> {
        let recorded = Self::default();
        match self.source {
            Source::Gst if !cfg!(feature = "media") => Err(EncoderError::NoMedia),
            Source::Loop if (self.grid, self.fps) != (recorded.grid, recorded.fps) => {
                let why = "the loop source was recorded at 25 fps in segments of 2 s and plays \
                           nothing else";
                Err(EncoderError::Settings(vec![why.into()]))
            }
            Source::Gst | Source::Loop => Ok(()),
        }
    }

    fn validate_rung(&self, rung: &Rung, mistakes: &mut Vec<String>) {
        let Rung { name, width, height, kbps, .. } = rung;
        if !is_name(name)
            || *name == self.audio.name
            || self.rungs.iter().filter(|r| r.name == *name).count() > 1
        {
            mistakes.push(format!("rung {name:?}: the name must be unique and of a-z, 0-9, -, _"));
        }
        // Multiples of 8 and 2 keep the planes of the picture without padding.
        if !(160..=3_840).contains(width)
            || !(90..=2_160).contains(height)
            || width % 8 != 0
            || height % 2 != 0
        {
            mistakes.push(format!(
                "rung {name:?}: {width}x{height} is not 160x90 to 3840x2160 in steps of 8x2"
            ));
        }
        if !KBPS.contains(kbps) {
            mistakes.push(format!("rung {name:?}: {kbps} kbps is not 50 to 50,000"));
        }
        if self.rungs.first().is_some_and(|first| first.width < *width || first.height < *height) {
            mistakes
                .push(format!("rung {name:?} is larger than the first, which must be the largest"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_all_mistakes_are_reported() {
        Settings::default().validate().unwrap();
        let mut settings = Settings { fps: 0, origin_url: "ftp://x".into(), ..Settings::default() };
        settings.rungs[1].width = 9_999;
        settings.preset = "placebo".into();
        assert_eq!(settings.validate().unwrap_err().len(), 5);
        assert!(serde_json::from_str::<Settings>(r#"{"frames": 1}"#).is_err());
    }

    #[test]
    fn a_pipeline_has_a_name_that_the_origin_takes() {
        let named = |name: &str| Settings { pipeline: name.into(), ..Settings::default() };
        for (name, valid) in [("A", true), ("backup-1", true), ("slate", false), ("É", false)] {
            assert_eq!(named(name).validate().is_ok(), valid, "{name}");
        }
    }

    #[test]
    fn the_h265_rung_is_added_only_where_it_is_valid() {
        let rung = |name: &str, kbps| Rung {
            name: name.into(),
            width: 640,
            height: 360,
            kbps,
            codec: Codec::Avc,
        };
        let last = |rungs: Vec<Rung>| {
            let settings = Settings { rungs, ..Settings::default() }.with_hevc();
            settings.validate().unwrap();
            let last = settings.rungs.last().unwrap();
            (last.codec, last.kbps)
        };
        assert_eq!(last(vec![rung("v", 500)]), (Codec::Hevc, 300));
        assert_eq!(last(vec![rung("v", 60)]), (Codec::Hevc, 50), "the least that is allowed");
        let eight = (0..8).map(|n| rung(&format!("v-{n}"), 500)).collect();
        assert_eq!(last(eight), (Codec::Avc, 500), "there is no room");
        assert_eq!(last(vec![rung(&"v".repeat(64), 500)]), (Codec::Avc, 500), "no room to name it");
    }
}
