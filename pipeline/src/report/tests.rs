use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::http::StatusCode;
use axum::routing::post;
use tallylight_schemas::clock::ManualClock;

use super::queue::CAPACITY;
use super::*;

type Seen = Arc<Mutex<Vec<serde_json::Value>>>;

/// A collector that answers with `failures` first and then, for accepted events, with `fates`.
async fn collector(failures: Vec<StatusCode>, fates: &'static str) -> (String, Seen) {
    let seen = Seen::default();
    let (kept, calls) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
    let handler = post(move |Json(body): Json<Vec<serde_json::Value>>| async move {
        if let Some(status) = failures.get(calls.fetch_add(1, Ordering::SeqCst)) {
            return (*status, [("tallylight-fates", "")]);
        }
        kept.lock().unwrap().extend(body);
        (StatusCode::NO_CONTENT, [("tallylight-fates", fates)])
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/events?k=demo", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/v1/events", handler);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

fn reporter(url: &str) -> Reporter {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_us(7_000_000));
    let endpoint = CollectorEndpoint { url: url.to_owned(), service_key: Some("secret".into()) };
    Reporter::spawn(&endpoint, Service::Edge, "edge-e1", &clock).unwrap()
}

#[tokio::test]
async fn a_report_survives_a_collector_that_fails_first() {
    let (url, seen) = collector(vec![StatusCode::SERVICE_UNAVAILABLE], "accepted=500").await;
    let reporter = reporter(&url);
    for k in 0..700 {
        let mut report = Report::new(k, Action::Get, "demo", "v-360");
        report.sid = Some("s".into());
        reporter.send(report);
    }
    reporter.close(Duration::from_secs(5)).await;
    assert_eq!(reporter.counts(), Counts { reported: 700, lost: 0, waiting: 0 });
    let seen = seen.lock().unwrap();
    let seqs: Vec<_> = seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..700).collect::<Vec<_>>());
    assert_eq!((&seen[0]["type"], &seen[0]["boot"]), (&"delivery".into(), &7_000_000.into()));
}

#[tokio::test]
async fn cmcd_accompanies_its_event_in_bodies_that_a_collector_accepts() {
    let (url, seen) = collector(vec![], "accepted=1").await;
    let reporter = reporter(&url);
    // The longest form, in which each byte is escaped.
    let cmcd = format!("sid=\"s\",cid=\"{}\"", "\u{1}".repeat(1_000));
    for k in 0..400 {
        reporter
            .send(Report { cmcd: Some(cmcd.clone()), ..Report::new(k, Action::Get, "demo", "a") });
    }
    reporter.send(Report::new(400, Action::Get, "demo", "a"));
    reporter.close(Duration::from_secs(5)).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 401);
    assert!(seen[..400].iter().all(|event| event["cmcd"] == cmcd.as_str()));
    assert_eq!(seen[400].get("cmcd"), None);
}

#[tokio::test]
async fn refused_events_are_counted_and_not_retried() {
    let (url, seen) = collector(vec![StatusCode::UNPROCESSABLE_ENTITY], "").await;
    let reporter = reporter(&url);
    reporter.send(Report::new(1, Action::Put, "demo", "audio"));
    reporter.close(Duration::from_secs(5)).await;
    assert_eq!(reporter.counts(), Counts { reported: 0, lost: 1, waiting: 0 });
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn events_answered_with_success_but_not_stored_are_counted() {
    let (url, seen) = collector(vec![], "accepted=1, rejected;untrusted=2").await;
    let reporter = reporter(&url);
    for k in 0..3 {
        reporter.send(Report::new(k, Action::Get, "demo", "v-360"));
    }
    reporter.close(Duration::from_secs(5)).await;
    assert_eq!(reporter.counts(), Counts { reported: 1, lost: 2, waiting: 0 });
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_full_buffer_drops_the_newest_and_leaves_a_gap() {
    let reporter = reporter("http://127.0.0.1:9/v1/events");
    for ts in 0..10_003 {
        reporter.send(Report::new(ts, Action::Get, "demo", "v-360"));
    }
    let counts = reporter.counts();
    assert_eq!((counts.lost, counts.waiting), (3, u64::try_from(CAPACITY).unwrap()));
}
