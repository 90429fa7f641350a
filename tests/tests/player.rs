//! A real player on the real stream: hls.js in Chromium, and every fragment measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tallylight_pipeline::mp4;
use tallylight_pipeline::origin::SegmentsPage;
use tallylight_schemas::grid::Grid;
use tallylight_tests::browser;
use tallylight_tests::world::World;

/// Segments in 60 s.
const MINUTE: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn hls_js_plays_thirty_seconds_and_every_fragment_is_on_the_grid() {
    let world = World::start(&["--viewers", "0"]).await;
    world.wait_for_picture().await;
    // The player joins once three segments are there, as it would at any event.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let seen =
        browser::run("watch.mjs", &[&world.dashboard(), "30"], Duration::from_secs(90)).await;
    println!("watch: {}", summary(&seen));
    check_player(&seen);
    check_fragments(&world).await;
}

fn summary(seen: &Value) -> String {
    let mut short = seen.clone();
    short.as_object_mut().unwrap().remove("panel");
    short.to_string()
}

fn check_player(seen: &Value) {
    let none = |name: &str| {
        assert_eq!(seen[name].as_array().map(Vec::len), Some(0), "{name}: {}", seen[name])
    };
    for name in ["errors", "refused", "problems"] {
        none(name);
    }
    let moved = seen["moved"].as_f64().unwrap();
    assert!(moved > 28.0, "30 s of play moved the picture by {moved} s");
    let sessions = seen["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "its beacons are one session: {}", seen["sessions"]);
    let startup = sessions[0]["startup_ms"].as_f64().expect("a startup time");
    let own = seen["startupMs"].as_f64().unwrap();
    assert!(
        (startup - own).abs() <= 200.0,
        "startup {startup} ms, by the page's own clock {own} ms"
    );
    assert_eq!(sessions[0]["rebuffer_count"], 0, "{}", sessions[0]);
    // Which of the two it is depends on its sid, and on which copy arrived first.
    let one_of = |what: &str, known: [&str; 2]| {
        let is = sessions[0][what].as_str().unwrap_or_default();
        assert!(known.contains(&is), "its {what} is {is:?}");
    };
    one_of("edge", ["e1", "e2"]);
    one_of("pipeline", ["A", "B"]);
}

async fn check_fragments(world: &World) {
    let grid = Grid::DEMO;
    // A minute of programme has to be there.
    world
        .wait_for("a minute of programme", 90, async || pictures(world).await.len() as u64 > MINUTE)
        .await;
    let ladder: Value =
        serde_json::from_str(&fetch_text(world, "/live/demo/ladder.json").await).unwrap();
    let newest = newest_k(world).await;
    for track in ladder["tracks"].as_array().unwrap() {
        let name = track["name"].as_str().unwrap();
        let init =
            fetch(world, &format!("/live/demo/{name}/{}", track["init"].as_str().unwrap())).await;
        let timescale = mp4::init_facts(&init).expect("init").timescale;
        let mut file = init;
        for k in newest - MINUTE + 1..=newest {
            let segment = fetch(world, &format!("/live/demo/{name}/{k}.m4s")).await;
            let facts = mp4::facts(&segment).expect("segment");
            if track["kind"] == "video" {
                assert_eq!(Some(facts.tfdt), grid.media_time(k, timescale), "{name}/{k}");
                assert_eq!(facts.frames, 50, "{name}/{k}");
                assert!(facts.first_is_sync, "{name}/{k} begins without an IDR");
            } else {
                assert_eq!(facts.tfdt, grid.first_audio_sample(k, timescale, 1_024), "{name}/{k}");
            }
            file.extend(segment);
        }
        decode_clean(world.data.path(), name, &file);
    }
    // Asked once all were served: until then the newest could be pending.
    let pictures = pictures(world).await;
    let slate: Vec<u64> =
        (newest - MINUTE + 1..=newest).filter(|k| !pictures.contains(k)).collect();
    assert!(slate.is_empty(), "slate was served as {slate:?}");
}

/// The newest segments of the first track that an encoder made.
async fn pictures(world: &World) -> BTreeSet<u64> {
    let page = world.get("/live/demo/segments.json?last=60").await.unwrap();
    let page: SegmentsPage = serde_json::from_str(&page).unwrap();
    let of_track = page.segments.iter().filter(|row| row.track == page.tracks[0]);
    of_track.filter(|row| row.has_picture()).map(|row| row.k).collect()
}

async fn newest_k(world: &World) -> u64 {
    let playlist = world.get("/live/demo/v-360/index.m3u8").await.unwrap();
    let last = playlist.lines().rfind(|line| line.ends_with(".m4s")).expect("a segment");
    last.rsplit('/').next().unwrap().trim_end_matches(".m4s").parse().unwrap()
}

async fn fetch(world: &World, path: &str) -> Vec<u8> {
    let answer = reqwest::get(format!("{}{path}", world.url(11))).await.expect("the edge");
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

async fn fetch_text(world: &World, path: &str) -> String {
    String::from_utf8(
        reqwest::get(format!("{}{path}", world.url(10)))
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

/// ffprobe and ffmpeg read the track from its first to its last frame without a message.
fn decode_clean(folder: &Path, name: &str, bytes: &[u8]) {
    let file = folder.join(format!("{name}.mp4"));
    std::fs::write(&file, bytes).unwrap();
    for (tool, args) in [
        ("ffprobe", &["-v", "warning", "-show_streams"] as &[&str]),
        ("ffmpeg", &["-v", "warning", "-f", "null", "-", "-i"]),
    ] {
        let mut command = Command::new(tool);
        if tool == "ffmpeg" {
            command.args(["-v", "warning", "-i"]).arg(&file).args(["-f", "null", "-"]);
        } else {
            command.args(args).arg(&file);
        }
        let output = command.output().expect(tool);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && message.is_empty(), "{tool} on {name}: {message}");
    }
}
