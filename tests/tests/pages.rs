//! Every page in a real browser against a real `up`, calm and in an incident made by a click:
//! nothing in the console, nothing that axe calls serious, no layout that shifts by itself,
//! no page wider than a phone. The pictures are left for people to look at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use serde_json::Value;
use tallylight_tests::browser;
use tallylight_tests::world::World;

/// What the Control room may weigh, compressed, before its first figure.
const HEAVIEST: u64 = 300 * 1024;
/// Layout shift, by the browser's measure, that nobody sees.
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
