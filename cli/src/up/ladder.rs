//! Chooses the renditions of the demo, and removes media of another ladder.

use anyhow::Context;
use serde::Deserialize;
use tallylight_pipeline::encoder;

use super::UpArgs;
use crate::media::Ladder;
use crate::settings::Settings;

/// Cores needed for H.265, which costs about as much as the rest of the ladder.
const CORES: usize = 4;

/// The requested ladder, or the one that fits the machine.
pub(super) fn of(args: &UpArgs, settings: &Settings) -> Ladder {
    let recorded = settings.encoder.source == encoder::Source::Loop;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.ladder.unwrap_or(match cores >= CORES && !recorded {
        true => Ladder::DemoHevc,
        false => Ladder::Demo,
    })
}

#[derive(Deserialize)]
struct Stored {
    tracks: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Removes the media that an earlier run left if it has a track that this run does not have: the
/// origin would refuse the new ladder until the old media has left its window, since no player
/// reloads its manifest. After a restart nobody plays it any more.
pub(super) fn clear_other(settings: &Settings, args: &UpArgs) -> anyhow::Result<()> {
    let Some(media) = &settings.origin.media_dir else { return Ok(()) };
    let folder = media.join(&settings.encoder.stream);
    let Ok(text) = std::fs::read(folder.join("ladder.json")) else { return Ok(()) };
    let encoder = of(args, settings).applied(settings.encoder.clone());
    let mut names: Vec<&str> = encoder.rungs.iter().map(|rung| rung.name.as_str()).collect();
    names.push(&encoder.audio.name);
    let stored = serde_json::from_slice::<Stored>(&text);
    let carries_on = stored
        .is_ok_and(|stored| stored.tracks.iter().all(|track| names.contains(&track.name.as_str())));
    if !carries_on {
        std::fs::remove_dir_all(&folder).with_context(|| {
            format!("cannot remove media of another ladder, {}", folder.display())
        })?;
        super::say("the last run had another ladder; its last two minutes of media were removed");
    }
    Ok(())
}
