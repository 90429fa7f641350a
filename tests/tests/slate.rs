//! Both encoders are killed and stay down for twenty seconds: players get slate and no error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use serde_json::Value;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::grid::Grid;
use tallylight_tests::browser;
use tallylight_tests::world::World;

/// Segments in the DVR window of 120 s.
const WINDOW: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn players_meet_slate_and_return_to_the_programme() {
    let world = World::start(&["--viewers", "0"]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let dashboard = world.dashboard();
    let args = [&dashboard as &str, "55"];
    let player = browser::run("watch.mjs", &args, Duration::from_secs(120));
    let kill = async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        for encoder in ["encoder-a", "encoder-b"] {
            world.fault(encoder, "kill", true).await;
        }
        tokio::time::sleep(Duration::from_secs(14)).await;
        // In the middle of the slate, a joining player requests everything in the window.
        check_window(&world).await;
        let late = browser::run("watch.mjs", &[&dashboard, "6"], Duration::from_secs(60)).await;
        check(&late, "the one that joined in the slate", 4.0);
        for encoder in ["encoder-a", "encoder-b"] {
            world.fault(encoder, "kill", false).await;
        }
    };
    let (seen, ()) = tokio::join!(player, kill);
    check(&seen, "the one that was there", 50.0);
    let states: Vec<&str> =
        seen["states"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(states.contains(&"slate"), "the list of segments shows the slate: {states:?}");
    assert!(states.contains(&"on_time"), "and the programme: {states:?}");
    let listed = world.json("/live/demo/segments.json").await.to_string();
    assert!(listed.contains("on_time"), "the programme is back: {listed}");
    check_window(&world).await;
}

fn check(seen: &Value, who: &str, least: f64) {
    for name in ["errors", "refused", "problems"] {
        assert_eq!(seen[name].as_array().map(Vec::len), Some(0), "{who}: {name}: {}", seen[name]);
    }
    let moved = seen["moved"].as_f64().unwrap();
    assert!(moved > least, "{who} moved by {moved} s only");
}

/// No segment number that the DVR window holds answers 404 or 410, on any track.
async fn check_window(world: &World) {
    let ladder = reqwest::get(format!("{}/live/demo/ladder.json", world.url(10))).await.unwrap();
    let ladder: Value = serde_json::from_slice(&ladder.bytes().await.unwrap()).unwrap();
    // The newest may still be held, and the oldest two may leave while we ask.
    let newest = Grid::DEMO.k_at(WallClock.now_us()) - 1;
    let window = newest - (WINDOW - 3)..=newest;
    for track in ladder["tracks"].as_array().unwrap() {
        let track = track["name"].as_str().unwrap();
        for k in window.clone() {
            let path = format!("/live/demo/{track}/{k}.m4s");
            let answer = reqwest::get(format!("{}{path}", world.url(11))).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.bytes().await.unwrap().len() > 100, "{path}");
        }
    }
}
