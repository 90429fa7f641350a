//! Every page in a real browser against a real `up`, calm and in an incident made by a click:
//! nothing in the console, nothing that axe calls serious, no layout that shifts by itself, no page
//! wider than a phone. The pictures are left for people to look at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use serde_json::Value;
use tallylight_tests::browser;
use tallylight_tests::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the Control room may weigh, compressed, before its first figure.
const HEAVIEST: u64 = 300 * 1024;
/// Layout shift, by the browser's measure, that is not visible.
const SHIFT: f64 = 0.002;

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_calm_readable_and_name_an_incident_that_a_click_made() {
    let world = World::start(&["--source", "loop", "--viewers", "40"]).await;
    world.wait_for_picture().await;
    let pictures = std::env::temp_dir().join("tallylight-pages");
    std::fs::create_dir_all(&pictures).unwrap();
    let args = [world.dashboard(), pictures.display().to_string()];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let seen = browser::run("pages.mjs", &args, Duration::from_secs(420)).await;
    println!("pictures in {}", pictures.display());
    println!("incident named {} ms after the click", seen["namedAfterMs"]);

    let bytes = seen["bytes"].as_u64().unwrap();
    println!("the Control room weighs {bytes} bytes compressed");
    assert!(bytes < HEAVIEST, "{bytes} bytes");
    let names: Vec<&str> =
        seen["pages"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for name in ["room", "pipeline", "watch", "health"] {
        assert!(names.contains(&name), "{name} is not in the rail: {names:?}");
    }
    let problems: Vec<String> =
        seen["findings"].as_array().unwrap().iter().flat_map(problems_of).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    assert_eq!(seen["problems"].as_array().unwrap().len(), 0, "console: {}", seen["problems"]);
    assert!(seen["sentence"].as_str().unwrap().contains("e1"), "{}", seen["sentence"]);
    check_words(&seen);
    check_series(&seen["over"]);
}

/// A line is drawn for viewers by two dimensions, with the age of its end, once they are chosen.
fn check_series(over: &Value) {
    assert_eq!(over["before"], 0, "nothing was chosen: {over}");
    assert!(over["drawn"].as_i64() >= Some(10), "pixels of the first line: {over}");
    let lines: Vec<&str> =
        over["lines"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    assert!(lines.iter().any(|line| line.ends_with(" · e2")), "{over}");
    let note = over["note"].as_str().unwrap();
    assert!(note.starts_with("10 s panes to ") && note.ends_with(" UTC"), "{over}");
    assert!(over["query"].as_str().unwrap().contains("over=device%2Cedge"), "{over}");
}

/// The words of error pages, and those beside an incident.
fn check_words(seen: &Value) {
    for (key, words) in [
        ("nowhere", "There is no such page"),
        ("unknownWord", "Did you mean \"country:DE\"?"),
        ("who", "Ada"),
    ] {
        assert!(seen[key].as_str().unwrap().contains(words), "{key}: {}", seen[key]);
    }
    let log = &seen["log"];
    assert!(log["height"].as_i64() >= Some(120) && log["entries"].as_i64() >= Some(2), "{log}");
}

/// A CDN as the prober sees it: it answers every request.
async fn cdn() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(answer).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_demo_pages_show_the_pathways_there_are_and_ask_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mine.toml");
    let pathway = |name: &str, probe: &str| {
        format!(
            "[[steering.edges]]\nname = \"{name}\"\nurl = \"https://{name}.example\"\n\
             capacity_kbps = 1000000\nprobe_url = \"{probe}/health.mp4\"\n"
        )
    };
    // The second one does not answer.
    let both = [pathway("cdn-a", &cdn().await), pathway("cdn-b", "http://127.0.0.1:9")].concat();
    std::fs::write(&config, both).unwrap();
    let world = World::start(&["--no-demo", "--config", config.to_str().unwrap()]).await;
    let answers = async || world.get("/v1/steering").await.is_ok();
    world.wait_for("steering", 20, answers).await;
    let known = async || {
        let (a, b) = (world.edge("cdn-a").await, world.edge("cdn-b").await);
        a["health"] == "good" && b["health"] == "bad"
    };
    world.wait_for("the health of both", 30, known).await;
    let pictures = std::env::temp_dir().join("tallylight-pages");
    std::fs::create_dir_all(&pictures).unwrap();
    let args = [world.dashboard(), pictures.display().to_string()];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let seen = browser::run("bare.mjs", &args, Duration::from_secs(90)).await;
    let none = serde_json::json!([]);
    assert_eq!((&seen["refused"], &seen["problems"]), (&none, &none));
    let rail = ["room", "pipeline", "sessions", "sql", "players", "connect", "health"];
    assert_eq!(seen["rail"], serde_json::json!(rail));
    let parts = serde_json::json!(["edge-cdn-a", "edge-cdn-b", "viewers"]);
    for (page, drawn) in seen["seen"].as_object().unwrap() {
        assert_eq!((&drawn["shown"], &drawn["cards"]), (&none, &none), "{page}");
        assert!(drawn["wider"].as_i64() <= Some(0), "{page}: {drawn}");
        let boxes = if page.starts_with("pipeline") { &parts } else { &none };
        assert_eq!(&drawn["boxes"], boxes, "{page}");
    }
}

/// What is wrong with one page in one state at one size.
fn problems_of(finding: &Value) -> Vec<String> {
    let place = format!("{} {} {}", finding["page"], finding["state"], finding["width"]);
    let mut problems = Vec::new();
    for found in finding["axe"].as_array().unwrap() {
        problems.push(format!("{place}: axe: {found}"));
    }
    let shift = finding["shift"].as_f64().unwrap();
    if shift > SHIFT {
        problems.push(format!("{place}: layout shifts by {shift}: {}", finding["moved"]));
    }
    if finding["overflow"].as_i64().unwrap() > 0 {
        problems.push(format!("{place}: {} px wider than the screen", finding["overflow"]));
    }
    problems
}
