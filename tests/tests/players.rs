//! Three real players, one after another: each plays for half a minute, its own beacons become
//! one session with the right figures, and it follows a steering change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use serde_json::{Value, json};
use tallylight_tests::browser;
use tallylight_tests::world::World;

const SECONDS: f64 = 30.0;
/// Players ask steering every 5 s; requests already sent still complete.
const OBEY_MS: i64 = 15_000;

/// Players as their makers ship them, and events that each is certain to send. The builds of Shaka
/// 5.2 never report the state, so they have no `ps`; those before 5.2 send a GET for each event.
const SHIPPED: [(&str, &[&str]); 4] = [
    ("hls", &["ps", "pr", "rr", "t"]),
    ("dash", &["ps", "rr", "t"]),
    ("shaka", &["bc", "rr", "t"]),
    ("shaka-5-1", &["ps", "rr", "t"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_player_plays_is_known_and_obeys() {
    let world = World::start(&["--source", "loop", "--viewers", "20"]).await;
    world.wait_for_picture().await;
    // A player joins once some segments are there, as it would at any event.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut wrong = Vec::new();
    for player in ["hls", "dash", "shaka"] {
        // Once is enough: hls.js has a pathway of low rungs, which the crowd of steering.rs proves.
        let cap = player == "dash";
        let options = json!({ "player": player, "steer": true, "cap": cap }).to_string();
        let args = [&world.dashboard() as &str, "30", &options];
        let seen = browser::run("watch.mjs", &args, Duration::from_secs(180)).await;
        println!("{player}: {}", summary(&seen));
        let mut check = Check { player, wrong: &mut wrong };
        check.playing(&seen);
        check.session(&seen);
        check.steering(&seen["steered"]);
        if cap {
            check.cap(&seen["capped"]);
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_the_connect_page_work_where_they_are_pasted() {
    let world = World::start(&["--source", "loop", "--viewers", "20"]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let args = [&world.dashboard() as &str, "9"];
    let seen = browser::run("connect.mjs", &args, Duration::from_secs(150)).await;
    println!("connect: {}", seen["results"]);
    let mut wrong = Vec::new();
    for player in ["hls", "dash", "shaka", "curl"] {
        let result = &seen["results"][player];
        let mut check = Check { player, wrong: &mut wrong };
        check.that(result["accepted"].as_i64() >= Some(2), format!("the box shows {result}"));
        let nothing = result["wrong"].as_array().is_some_and(Vec::is_empty);
        check.that(nothing, format!("what is wrong with its beacons: {}", result["wrong"]));
        let session = &result["session"];
        check.that(session["startup_ms"].is_i64(), format!("its session is {session}"));
        check.that(session["state"] == "p", format!("its state is {}", session["state"]));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(seen["problems"].as_array().map(Vec::len), Some(0), "{}", seen["problems"]);
}

/// Each is configured to send every event of the standard, without code of ours in between.
#[tokio::test(flavor = "multi_thread")]
async fn players_as_they_are_shipped_are_taken_with_every_event_they_know() {
    let world = World::start(&["--source", "loop", "--viewers", "2"]).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut wrong = Vec::new();
    for (player, knows) in SHIPPED {
        let (sid, collector) = (format!("as-shipped-{player}"), world.collector());
        let args = [&world.dashboard() as &str, &collector, "12", &sid, player];
        let seen = browser::run("unmodified.mjs", &args, Duration::from_secs(90)).await;
        let mut check = Check { player, wrong: &mut wrong };
        let answers = seen["answers"].as_array().unwrap();
        check.that(answers.len() > 10, format!("{} answers", answers.len()));
        for answer in answers {
            let taken = answer["status"] == 204 && answer["fates"] == "accepted=1";
            check.that(taken, format!("an answer is {answer}"));
        }
        let sql = format!(
            "SELECT DISTINCT e FROM player_events WHERE sid = '{sid}' AND source <> 'edge' ORDER BY e"
        );
        let mut command = world.command();
        command.args(["sql", "--format", "json", &sql]);
        let output = tokio::process::Command::from(command).output().await.unwrap();
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        let kept: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["e"].as_str()).collect();
        println!("{player}: {} answers, events {kept:?}", answers.len());
        check.that(!kept.contains(&None), format!("each is an event report: {kept:?}"));
        for event in knows {
            check.that(kept.contains(&Some(event)), format!("{event} is among {kept:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn summary(seen: &Value) -> String {
    let mut short = seen.clone();
    let short = short.as_object_mut().unwrap();
    for long in ["panel", "states", "failed"] {
        short.remove(long);
    }
    serde_json::to_string(short).unwrap()
}

/// Collects what is wrong with all players before it fails: a run takes minutes.
struct Check<'a> {
    player: &'a str,
    wrong: &'a mut Vec<String>,
}

impl Check<'_> {
    fn that(&mut self, good: bool, what: impl Into<String>) {
        if !good {
            self.wrong.push(format!("{}: {}", self.player, what.into()));
        }
    }

    fn playing(&mut self, seen: &Value) {
        for name in ["errors", "refused", "problems"] {
            let none = seen[name].as_array().is_some_and(Vec::is_empty);
            self.that(none, format!("{name}: {}", seen[name]));
        }
        let moved = seen["moved"].as_f64().unwrap();
        self.that(
            moved > SECONDS - 2.0,
            format!("{SECONDS} s of play moved the picture by {moved} s"),
        );
        self.that(seen["requests"].as_i64() > Some(20), format!("{} requests", seen["requests"]));
    }

    fn session(&mut self, seen: &Value) {
        let sessions = seen["sessions"].as_array().unwrap();
        self.that(sessions.len() == 1, format!("its beacons are one session: {sessions:?}"));
        let Some(row) = sessions.first() else { return };
        let own = seen["startupMs"].as_i64().unwrap();
        let startup = row["startup_ms"].as_i64().unwrap_or(-1);
        self.that(
            (startup - own).abs() <= 200,
            format!("startup {startup} ms, by the page's own clock {own} ms"),
        );
        let first = row["first_frame_at"].as_i64().unwrap_or(0) / 1_000;
        let off = first - seen["firstFrameAt"].as_i64().unwrap();
        self.that(off.abs() <= 300, format!("the first frame is {off} ms off"));
        self.that(
            row["rebuffer_count"] == seen["rebuffers"],
            format!("{} rebuffers, {} seen", row["rebuffer_count"], seen["rebuffers"]),
        );
        let playing = row["playing_ms"].as_i64().unwrap();
        self.that((27_000..34_000).contains(&playing), format!("it played {playing} ms"));
        let known = row["live_latency_ms"].as_i64().unwrap_or(-1);
        let latency = seen["latencyMs"].as_i64().unwrap_or(-2);
        self.that(
            (known - latency).abs() <= 1_500,
            format!("latency {known} ms, by the player {latency} ms"),
        );
        self.that(row["lost_events"] == 0, format!("{} beacons lost", row["lost_events"]));
        self.that(row["state"] == "p", format!("it is in state {}", row["state"]));
        let edge = row["edge"].as_str().unwrap_or("none");
        self.that(["e1", "e2"].contains(&edge), format!("it is on edge {edge}"));
        let after = &seen["after"][0];
        self.that(after["outcome"] == "played", format!("it came out as {}", after["outcome"]));
    }

    fn cap(&mut self, capped: &Value) {
        let low = capped["low"].as_array().unwrap();
        self.that(
            !low.contains(&capped["before"]),
            format!("before the cap it asked for {}", capped["before"]),
        );
        for what in ["fell", "rose"] {
            let after = capped[what].as_i64();
            self.that(
                after.is_some_and(|ms| ms <= OBEY_MS),
                format!("it {what} after {after:?} ms: {capped}"),
            );
        }
    }

    fn steering(&mut self, steered: &Value) {
        let moved = steered["moved"].as_i64();
        self.that(
            moved.is_some_and(|moved| moved <= OBEY_MS),
            format!("it followed steering after {moved:?} ms: {steered}"),
        );
        self.that(
            steered["stray"] == 0,
            format!("requests to the old edge after that: {}", steered["stray"]),
        );
    }
}
