//! A platform that stops answering while a fault is on, and one whose viewers stall for a while.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::look::Looker;
use super::{STEADY, Switch, once};

/// The clicks, in order.
type Clicks = Arc<Mutex<Vec<bool>>>;

/// What steering says while nothing is wrong.
fn calm() -> Json<Value> {
    Json(json!({"edges": [], "incidents": [], "actions": []}))
}

async fn steering(State(clicks): State<Clicks>) -> Result<Json<Value>, StatusCode> {
    match clicks.lock().unwrap().last() {
        Some(true) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        _ => Ok(calm()),
    }
}

async fn click(State(clicks): State<Clicks>, Json(turn): Json<Value>) {
    clicks.lock().unwrap().push(turn["on"] == true);
}

async fn platform() -> (Clicks, Looker) {
    platform_of(get(steering), get(async || Json(json!([])))).await
}

async fn platform_of(
    steering: MethodRouter<Clicks>,
    sessions: MethodRouter<Clicks>,
) -> (Clicks, Looker) {
    let clicks = Clicks::default();
    let router = Router::new()
        .route("/v1/steering", steering)
        .route("/v1/sessions", sessions)
        .route("/v1/faults", post(click))
        .with_state(Arc::clone(&clicks));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let looker = Looker::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (clicks, looker)
}

fn switch() -> Switch {
    Switch { target: "origin".into(), fault: "kill".into() }
}

#[tokio::test]
async fn a_look_that_fails_has_seen_nothing_and_the_run_goes_on() {
    let (clicks, looker) = platform().await;
    let stop = CancellationToken::new();
    let run = once(&looker, &switch(), Duration::from_millis(600), &stop).await.unwrap();
    assert_eq!((run.named_s, run.recovered_s, run.hit), (None, None, 0.0));
    assert!(!run.after_off, "nobody was hit, so nobody recovered only after it");
    assert_eq!(*clicks.lock().unwrap(), [true, false]);
}

#[tokio::test]
async fn viewers_who_are_healthy_in_the_last_look_only_have_not_recovered_by_then() {
    let began = Instant::now();
    let sessions = move || async move {
        let state = if began.elapsed() < STEADY { "r" } else { "p" };
        Json(json!([{"state": state, "first_frame_at": 1}]))
    };
    let (_, looker) = platform_of(get(async || calm()), get(sessions)).await;
    let (stop, on) = (CancellationToken::new(), STEADY + Duration::from_millis(500));
    let run = once(&looker, &switch(), on, &stop).await.unwrap();
    assert!(run.after_off && run.recovered_s.is_some(), "{run:?}");
}

#[tokio::test]
async fn a_run_that_is_broken_off_leaves_nothing_broken() {
    let (clicks, looker) = platform().await;
    let stop = CancellationToken::new();
    let signal = async {
        while clicks.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
    };
    let switch = switch();
    let run = once(&looker, &switch, Duration::from_secs(60), &stop);
    let (run, ()) = tokio::join!(run, signal);
    let error = run.unwrap_err().to_string();
    assert!(error.contains("origin/kill is off again"), "{error}");
    assert_eq!(*clicks.lock().unwrap(), [true, false]);
}
