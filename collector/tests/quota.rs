//! Quotas over HTTP: only a tenant or key whose quota is spent is asked to wait, and rejected
//! records count, too. Nor do a tenant's stalled bodies keep others from the memory for bodies, or
//! its long records from the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::{join_all, join4};
use futures::stream::once;
use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use tallylight_collector::Settings;
use tallylight_collector::settings::Tenant;
use tallylight_eventlog::{LogError, MAX_ENTRY_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use world::{Answer, NOW, World};

/// Records of a POST: four POSTs exceed a quota of 50/s with its burst and debt.
const BATCH: usize = 200;

/// Two keys of one tenant, and one of another.
fn settings() -> Settings {
    let keys = [("web", "a"), ("tv", "a"), ("other", "b")];
    let write_keys = keys.map(|(key, tenant)| (key.to_owned(), tenant.to_owned())).into();
    Settings { write_keys, ..Settings::default() }
}

async fn post(world: &World, key: &str, line: impl Fn(usize) -> String) -> Answer {
    let body: Vec<String> = (0..BATCH).map(line).collect();
    post_body(world, key, body.join("\n")).await
}

async fn post_body(world: &World, key: &str, body: String) -> Answer {
    let request = Request::post(format!("/v1/cmcd?k={key}"));
    world.send(request.body(Body::from(body)).unwrap()).await
}

async fn metrics(world: &World) -> String {
    world.send(Request::get("/metrics").body(Body::empty()).unwrap()).await.body
}

fn start(n: usize) -> String {
    format!("e=ps,sid=\"s{n}\",sn=0,sta=s,ts={},v=2", NOW / 1_000)
}

/// Posts until the key is asked to wait. The clock is frozen, so no quota is refilled.
async fn spend(world: &World, key: &str, line: impl Fn(usize) -> String + Copy) -> Answer {
    for _ in 0..8 {
        let answer = post(world, key, line).await;
        if answer.status != 204 {
            return answer;
        }
    }
    panic!("{key} is never asked to wait");
}

fn asks_to_wait(answer: &Answer) {
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.fates()["shed;quota"], BATCH as u64, "each has its fate");
    let wait: u32 = answer.header("retry-after").parse().unwrap();
    assert!((2..=30).contains(&wait), "{wait} s");
}

#[tokio::test]
async fn a_spent_quota_is_429_for_its_tenant_alone() {
    let quota = Tenant { records_per_s: Some(50), ..Tenant::default() };
    let world = World::with(Settings { tenants: [("a".into(), quota)].into(), ..settings() }).await;
    asks_to_wait(&spend(&world, "web", start).await);
    asks_to_wait(&post(&world, "tv", start).await);
    assert_eq!(post(&world, "other", start).await.fates()["accepted"], BATCH as u64);
}

#[tokio::test]
async fn a_spent_quota_of_a_key_is_that_keys_alone() {
    let quotas = [("web".to_owned(), 50)].into();
    let world = World::with(Settings { key_records_per_s: quotas, ..settings() }).await;
    asks_to_wait(&spend(&world, "web", start).await);
    for key in ["tv", "other"] {
        assert_eq!(post(&world, key, start).await.fates()["accepted"], BATCH as u64);
    }
}

#[tokio::test]
async fn rejected_records_spend_the_quota_as_well() {
    let quota = Tenant { records_per_s: Some(50), ..Tenant::default() };
    let world = World::with(Settings { tenants: [("a".into(), quota)].into(), ..settings() }).await;
    let garbage = |_| "e=ps,sta=s,v=2".to_owned();
    asks_to_wait(&spend(&world, "web", garbage).await);
    assert_eq!(post(&world, "other", garbage).await.fates()["rejected;no_sid"], BATCH as u64);
}

#[tokio::test]
async fn records_that_are_not_read_spend_no_quota() {
    let quotas = [("web".to_owned(), 50)].into();
    let limits = Settings { request_records: 100, key_records_per_s: quotas, ..settings() };
    let world = World::with(limits).await;
    let answer = post_body(&world, "web", "x\n".repeat(100_000)).await;
    assert_eq!(answer.fates()["rejected;too_many"], 99_900, "{answer:?}");
    let starts: Vec<String> = (0..10).map(start).collect();
    let answer = post_body(&world, "web", starts.join("\n")).await;
    assert_eq!(answer.header("tallylight-fates"), "accepted=10");
}

#[tokio::test]
async fn records_that_the_log_does_not_take_spend_no_quota_and_lose_nothing() {
    let quota = Tenant { records_per_s: Some(50), ..Tenant::default() };
    let world = World::with(Settings { tenants: [("a".into(), quota)].into(), ..settings() }).await;
    let spoiled = |n| format!("{},bl=\"x\"", start(n));
    *world.log.fault.lock().unwrap() = Some(LogError::Unavailable);
    for _ in 0..5 {
        assert_eq!(post(&world, "web", spoiled).await.status, 503);
    }
    *world.log.fault.lock().unwrap() = None;
    let answer = post(&world, "web", spoiled).await;
    assert_eq!(answer.header("tallylight-fates"), format!("accepted={BATCH}"));
    let dropped = format!("tallylight_collector_dropped_values_total {BATCH}\n");
    let metrics = metrics(&world).await;
    assert!(metrics.contains(&dropped), "{metrics}");
}

/// The answer to a head whose body never comes.
async fn answer_without_a_body(world: &World, path: &str, headers: &str) -> String {
    let addr = world.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The collector discards a refused body until it is silent for a second, unless the client sent
    // `expect`.
    let within = Duration::from_millis(if headers.contains("expect: ") { 900 } else { 3_000 });
    // The problem document follows the head, in the same read or a later one.
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = timeout(within, stream.read_buf(&mut answer)).await;
        assert!(read.expect("an answer before the body").unwrap() > 0, "no answer");
    }
    String::from_utf8(answer).unwrap().to_lowercase()
}

#[tokio::test]
async fn a_large_body_beyond_a_spent_quota_is_refused_before_it_arrives() {
    let quota = Tenant { records_per_s: Some(50), ..Tenant::default() };
    let world = World::with(Settings { tenants: [("a".into(), quota)].into(), ..settings() }).await;
    let many: Vec<String> = (0..9_000).map(start).collect();
    let many = many.join("\n");
    let all = |key: &str| Request::post(format!("/v1/cmcd?k={key}")).body(Body::from(many.clone()));
    let first = world.send(all("web").unwrap()).await;
    assert_eq!(
        first.fates(),
        [("accepted".to_owned(), 9_000)].into(),
        "the quota is not spent yet"
    );
    let length = "content-length: 1000000\r\n";
    let protobuf = format!("{length}content-type: application/x-protobuf\r\n");
    let unread = [
        ("/v1/cmcd?k=web", length.to_owned()),
        ("/v1/cmcd?k=web", format!("{length}expect: 100-continue\r\n")),
        ("/v1/cmcd?k=tv", "transfer-encoding: chunked\r\n".to_owned()),
        ("/v1/events?k=web", "content-encoding: gzip\r\ncontent-length: 9\r\n".to_owned()),
        ("/v1/metrics?k=web", protobuf.clone()),
        ("/v1/logs?k=web", protobuf),
    ];
    for (path, headers) in &unread {
        let answer = answer_without_a_body(&world, path, headers).await;
        assert!(answer.starts_with("http/1.1 429"), "{path}: {answer}");
        assert!(answer.contains("\r\nretry-after: "), "{path}: {answer}");
        assert!(answer.contains("\r\ntallylight-pace: "), "{path}: {answer}");
        assert!(!answer.contains("\r\ntallylight-fates: "), "the number is unknown: {answer}");
    }
    asks_to_wait(&post(&world, "web", start).await);
    let metrics = metrics(&world).await;
    let counted = format!("tallylight_collector_unread_total{{cause=\"quota\"}} {}", unread.len());
    assert!(metrics.contains(&counted), "{metrics}");
    let other = world.send(all("other").unwrap()).await;
    assert_eq!(other.fates()["accepted"], 9_000, "the other tenant's quota is its own");
}

/// A body that stalls after this piece, and a signal once the piece was received.
fn stalling(piece: Bytes) -> (Body, oneshot::Receiver<()>) {
    let (received, was_received) = oneshot::channel();
    // The next piece is polled once the first was taken.
    let rest = async move {
        let _ = received.send(());
        pending::<Result<Bytes, Infallible>>().await
    };
    (Body::from_stream(once(async move { Ok(piece) }).chain(once(rest))), was_received)
}

/// Records of 1 MiB, or less than one record short of it.
fn full_body() -> String {
    let mut body = String::new();
    for n in 0.. {
        let line = format!("cid=\"{n:0>128}\",{}\n", start(n));
        if body.len() + line.len() > 1 << 20 {
            break;
        }
        body.push_str(&line);
    }
    body
}

#[tokio::test]
async fn bodies_that_stall_take_no_memory_from_others_nor_from_small_ones() {
    let world = World::with(settings()).await;
    let piece = Bytes::from(vec![b'a'; (1 << 20) - 1]);
    let mut stalled = Vec::new();
    // Together they ask for all of `receiving_bytes`.
    for _ in 0..64 {
        let (body, received) = stalling(piece.clone());
        let request = Request::post("/v1/cmcd?k=web").header("content-length", 1 << 20);
        let mut answer = Box::pin(world.router.clone().oneshot(request.body(body).unwrap()));
        tokio::select! {
            Ok(()) = received => stalled.push(answer),
            refused = &mut answer => assert_eq!(refused.unwrap().status(), 503),
        }
    }
    assert!(stalled.len() > 16, "a lone tenant gets more than a quarter: {}", stalled.len());
    let metrics = metrics(&world).await;
    let refused = 64 - stalled.len();
    let counted = format!("tallylight_collector_unread_total{{cause=\"memory\"}} {refused}");
    assert!(metrics.contains(&counted), "{metrics}");
    for (key, body) in [("other", start(1)), ("other", full_body()), ("web", start(1))] {
        let answer = post_body(&world, key, body).await;
        assert_eq!(answer.status, 204, "{key}: {answer:?}");
    }
}

/// Long records, and many more that are short and rejected.
fn long_beside_short(long: usize) -> String {
    let mut rng = StdRng::seed_from_u64(7);
    // Text that the log cannot compress.
    let mut text = || Alphanumeric.sample_string(&mut rng, 4_000);
    let line = |n| format!("cs=\"{}\",{},url=\"{}\"\n", text(), start(n), text());
    (0..long).map(line).collect::<String>() + &"x\n".repeat(10_000 - long)
}

#[tokio::test]
async fn long_records_beside_short_ones_cost_no_other_tenant_its_commit() {
    let world = World::with(settings()).await;
    let (bodies, long) = (18, 120);
    let body = long_beside_short(long);
    world.log.hold();
    let first = post_body(&world, "other", start(0));
    // The commit of the first is under way then, and all others gather behind it.
    let later = async |number: usize, key: &str, body: String| {
        sleep(Duration::from_millis(50 + 100 * number as u64)).await;
        post_body(&world, key, body).await
    };
    let flood = join_all((0..bodies).map(|number| later(number, "web", body.clone())));
    let last = later(bodies, "other", start(1));
    let release = async {
        let all = format!("tallylight_collector_queue_records {}\n", bodies * long + 2);
        let queued = async {
            while !metrics(&world).await.contains(&all) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), queued).await.expect("all wait for the log");
        world.log.release();
    };
    let (first, last, flood, ()) = join4(first, last, flood, release).await;
    for answer in [first, last] {
        assert_eq!(answer.header("tallylight-fates"), "accepted=1", "{answer:?}");
    }
    for answer in flood {
        assert_eq!(answer.fates()["accepted"], long as u64, "{answer:?}");
    }
    for entry in world.log.entries().await {
        let bytes: usize = entry.parts.iter().map(|part| part.payload.len()).sum();
        assert!(bytes <= MAX_ENTRY_BYTES / 2, "{bytes} bytes");
    }
}
