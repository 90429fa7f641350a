//! Makes the recording that the loop source plays (see `pipeline/media/loop/README.md`).

use std::path::Path;

use super::feed::failed;
use super::looped::LENGTH;
use super::offline::{Content, render, slate};
use super::{EncoderError, Settings};
use crate::mp4;
use crate::packager::{Config, Plan, check_fragment};

/// Renders a recording into `dir`: per track an init segment, [`LENGTH`] segments from the first
/// number at which the loop can start, that of `unix_us` or later, and the slate; all of it
/// checked as the packager does. Blocks for a few seconds.
pub fn record(dir: &Path, settings: &Settings, unix_us: i64) -> Result<(), EncoderError> {
    settings.validate().map_err(EncoderError::Settings)?;
    std::fs::create_dir_all(dir)?;
    let k = settings.grid.k_at(unix_us).next_multiple_of(LENGTH);
    let programme = render(settings, Content::Programme, k, LENGTH)?;
    let media = slate(settings)?;
    let Settings { stream, pipeline, grid, fps, .. } = settings.clone();
    let plan = Plan::new(&Config { stream, pipeline, grid, fps }, media.clone())?;
    for (((track, init), slate), recorded) in
        plan.ladder.tracks.iter().zip(&plan.inits).zip(&media).zip(programme)
    {
        let name = &track.name;
        let unreadable =
            |source| EncoderError::Segment { what: format!("recorded track {name}"), source };
        if mp4::normalise_init(&recorded.init).map_err(unreadable)? != *init {
            return Err(failed("slate and programme have different init segments"));
        }
        std::fs::write(dir.join(format!("{name}-init.mp4")), init)?;
        for (at, segment) in recorded.segments.iter().enumerate() {
            check_fragment(&plan.ladder, track, segment).map_err(failed)?;
            std::fs::write(dir.join(format!("{name}-{at}.m4s")), segment)?;
        }
        for (at, segment) in slate.slates.iter().enumerate() {
            std::fs::write(dir.join(format!("{name}-slate-{at}.m4s")), segment)?;
        }
    }
    Ok(())
}
