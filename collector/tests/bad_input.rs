//! Bad input (docs/testing.md, "What must hold"): an unusable request gets a 4xx that explains
//! itself, an unusable record is counted, an unusable value is dropped alone, and nothing else is
//! affected.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "support/mutate.rs"]
#[allow(dead_code, unreachable_pub)]
mod mutate;
#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use flate2::Compression;
use flate2::read::GzEncoder;
use futures::stream::{self, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_collector::Settings;
use tallylight_schemas::ipc::{TenantDelivery, decode, decode_all};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{Answer, TestLog, World, parts, post, words};

fn gzip(body: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzEncoder::new(body, Compression::fast()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
}

/// The log holds what the answers reported, and every accepted record is a row.
async fn balance(log: &TestLog, answers: &[Answer]) {
    let mut reported = BTreeMap::<String, u64>::new();
    for (fate, events) in answers.iter().flat_map(Answer::fates) {
        *reported.entry(fate).or_default() += events;
    }
    let stored: BTreeMap<_, _> =
        log.fates().await.into_iter().map(|(f, n)| (words(f), n)).collect();
    assert_eq!(stored, reported);
    let rows = player_sids(log).await.len() + deliveries(log).await;
    assert_eq!(rows as u64, reported.get("accepted").copied().unwrap_or_default());
}

async fn player_sids(log: &TestLog) -> Vec<String> {
    let mut sids = Vec::new();
    for part in parts(&log.entries().await, Kind::Player) {
        let batch = decode(&part.payload).unwrap();
        let rows = PlayerRows::new(&batch).unwrap();
        sids.extend((0..rows.len()).map(|at| rows.get(at).sid.to_owned()));
    }
    sids
}

async fn deliveries(log: &TestLog) -> usize {
    let parts = parts(&log.entries().await, Kind::Delivery);
    parts.iter().map(|p| decode_all::<TenantDelivery>(&p.payload).unwrap().len()).sum()
}

#[tokio::test]
async fn an_unusable_request_gets_an_answer_that_explains_itself() {
    let world = World::start().await;
    let request = |method: Method, uri: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        let builder = Request::builder().method(method).uri(uri);
        let builder = headers.iter().fold(builder, |b, (name, value)| b.header(*name, *value));
        builder.body(Body::from(body)).unwrap()
    };
    let bomb = gzip(std::io::repeat(b'a').take(64 << 20));
    let json = [("content-type", "application/json")];
    let zipped = [("content-encoding", "gzip")];
    let (cmcd, events) = ("/v1/cmcd?k=demo", "/v1/events?k=demo");
    let good = || mutate::marker(1).into_bytes();
    let torn = b"[{},".to_vec();
    let cases: Vec<(u16, &str, Request<Body>)> = vec![
        (401, "no key", request(Method::POST, "/v1/cmcd", &[], good())),
        (401, "wrong key", request(Method::POST, "/v1/cmcd?k=%00x", &[], good())),
        (
            401,
            "wrong bearer",
            request(Method::POST, cmcd, &[("authorization", "Bearer x")], good()),
        ),
        (404, "path", request(Method::POST, "/v2/cmcd?k=demo", &[], good())),
        (405, "method", request(Method::PUT, cmcd, &[], good())),
        (405, "method", request(Method::GET, events, &[], good())),
        (411, "no length", request(Method::POST, cmcd, &[], vec![])),
        (400, "empty", request(Method::POST, cmcd, &[("content-length", "0")], vec![])),
        (400, "blank", request(Method::POST, cmcd, &[], b"\n \r\n".to_vec())),
        (400, "no record", request(Method::GET, cmcd, &[], vec![])),
        (400, "empty array", request(Method::POST, events, &json, b"[]".to_vec())),
        (400, "torn array", request(Method::POST, events, &json, torn.clone())),
        (413, "large", request(Method::POST, cmcd, &[], vec![b'a'; (1 << 20) + 1])),
        (413, "announced", request(Method::POST, cmcd, &[("content-length", "9999999")], good())),
        (413, "bomb", request(Method::POST, cmcd, &zipped, bomb)),
        (415, "html", request(Method::POST, cmcd, &[("content-type", "text/html")], good())),
        (415, "text", request(Method::POST, events, &[("content-type", "text/html")], torn)),
        (415, "encoding", request(Method::POST, cmcd, &[("content-encoding", "xz")], good())),
        (400, "no zstd", request(Method::POST, cmcd, &[("content-encoding", "zstd")], good())),
        (400, "no brotli", request(Method::POST, cmcd, &[("content-encoding", "br")], good())),
        (415, "list", request(Method::POST, cmcd, &[("content-encoding", "gzip, gzip")], good())),
        (400, "no gzip", request(Method::POST, cmcd, &zipped, good())),
    ];
    let before = resident_bytes();
    for (status, name, request) in cases {
        let answer = world.send(request).await;
        answer.check();
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
    let metrics = world.send(request(Method::GET, "/metrics", &[], vec![])).await.body;
    let bombs = "tallylight_refusals_total{route=\"/v1/cmcd\",problem=\"body-too-large\"} 3";
    assert!(metrics.contains(bombs), "{metrics}");
    assert!(resident_bytes() < before + (32 << 20));
    assert!(world.log.entries().await.is_empty());
}

#[tokio::test]
async fn only_the_unusable_record_is_rejected() {
    let world = World::start().await;
    let marker = mutate::marker(1);
    let deep = |n: usize| format!("[{}{}]", "[".repeat(n), "]".repeat(n));
    let event = &mutate::events()[0];
    let many = vec![marker.as_str(); 10_001].join("\n");
    let cmcd = "/v1/cmcd";
    let events = "/v1/events";
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        (cmcd, "accepted=1, rejected;not_utf8=1", [marker.as_bytes(), b"\n\xff\xfe"].concat()),
        (cmcd, "rejected;no_sid=1, accepted=1", format!("e=ps,ts=1\r\n\n{marker}\n").into()),
        (
            cmcd,
            "rejected;too_long=1, accepted=1",
            format!("{}\n{marker}", "a,".repeat(9_000)).into(),
        ),
        (cmcd, "accepted=10000, rejected;too_many=1", many.into()),
        (events, "rejected;bad_shape=1, accepted=1", format!("[{},{event}]", deep(4_000)).into()),
        (events, "rejected;too_long=1, accepted=1", format!("[{},{event}]", deep(400_000)).into()),
        (
            events,
            "rejected;bad_shape=1, accepted=1",
            format!("{{\"a\":{}}}\n{event}", deep(4_000)).into(),
        ),
        (events, "rejected;bad_shape=2, accepted=1", format!("{{\"a\":\n7\n{event}").into()),
        (
            events,
            "accepted=1, rejected;not_utf8=1",
            [b"[", event.as_bytes(), b",\"\xff\"]"].concat(),
        ),
    ];
    let mut answers = Vec::new();
    for (path, fates, body) in cases {
        let answer = world.post(path, "text/plain", body).await;
        answer.check();
        assert_eq!(answer.header("tallylight-fates"), fates);
        answers.push(answer);
    }
    let answer = world.post(cmcd, "", format!("{marker},bl=\"x\"")).await;
    assert_eq!(answer.header("tallylight-dropped-values"), "1");
    assert_eq!(answer.header("tallylight-fates"), "accepted=1");
    answers.push(answer);
    balance(&world.log, &answers).await;
}

#[tokio::test]
async fn a_body_cut_at_any_byte_keeps_its_whole_records() {
    let world = World::start().await;
    let array = format!("[{}]", mutate::events().join(","));
    let lines = mutate::events().join("\n");
    let cmcd = mutate::cmcd().join("\n");
    let mut requests = Vec::new();
    for (path, body) in [("/v1/events", array), ("/v1/events", lines), ("/v1/cmcd", cmcd)] {
        requests.extend((0..=body.len()).map(|cut| (path, body.as_bytes()[..cut].to_vec())));
    }
    let world = &world;
    let send = |(path, body): (&'static str, Vec<u8>)| async move {
        let whole = body.iter().filter(|byte| **byte == b'\n').count() as u64;
        let answer = world.post(path, "text/plain", body.clone()).await;
        answer.check();
        if answer.status == 204 {
            let accepted = answer.fates().get("accepted").copied().unwrap_or_default();
            assert!(accepted >= whole, "{:?}: {answer:?}", String::from_utf8_lossy(&body));
        } else {
            assert!(body.is_empty() || body[0] == b'[');
        }
        answer
    };
    let answers: Vec<_> =
        stream::iter(requests.into_iter().map(send)).buffered(128).collect().await;
    balance(&world.log, &answers).await;
}

/// A request with a mutated body, and a marker record in the same body or in a second request.
fn spoiled(n: usize, rng: &mut StdRng) -> Vec<Request<Body>> {
    let marker = mutate::marker(n).into_bytes();
    let events = mutate::events();
    let (path, mut body) = match n % 4 {
        0 | 1 => ("/v1/cmcd", mutate::cmcd().join("\n").into_bytes()),
        2 => ("/v1/events", events.join("\n").into_bytes()),
        _ => ("/v1/events", format!("[{}]", events.join(",")).into_bytes()),
    };
    let zipped = rng.random_ratio(1, 10);
    if zipped {
        body = gzip(body.as_slice());
    }
    mutate::mutate(&mut body, rng);
    if path == "/v1/cmcd" && !zipped {
        body = [body, marker].join(b"\n".as_slice());
        return vec![post(path, "application/cmcd", body)];
    }
    let mut request = post(path, "", body);
    if zipped {
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    }
    vec![request, post("/v1/cmcd", "application/cmcd", marker)]
}

/// `TALLYLIGHT_SOAK` raises it to a million, with fifty seeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_mutated_bodies_lose_nothing_else() {
    let rounds = if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 50 } else { 1 };
    for seed in 0..rounds {
        mutated_bodies(7 + seed).await;
    }
}

async fn mutated_bodies(seed: u64) {
    const BODIES: usize = 20_000;
    const WARM: usize = 4_000;
    let world = Arc::new(World::start().await);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut answers = Vec::new();
    let mut warm = 0;
    for from in (0..BODIES).step_by(WARM) {
        let requests = (from..from + WARM).flat_map(|n| spoiled(n, &mut rng)).collect::<Vec<_>>();
        let sending = requests.into_iter().map(|request| {
            let world = world.clone();
            tokio::spawn(async move { world.send(request).await })
        });
        let got: Vec<_> = stream::iter(sending).buffered(512).collect().await;
        answers.extend(got.into_iter().map(|answer| answer.expect("no panic")));
        if from == 0 {
            warm = resident_bytes();
        }
    }
    let grown = resident_bytes().saturating_sub(warm);
    answers.iter().for_each(Answer::check);
    balance(&world.log, &answers).await;
    let sids: BTreeSet<String> = player_sids(&world.log).await.into_iter().collect();
    let lost = (0..BODIES).filter(|n| !sids.contains(&format!("marker-{n}"))).count();
    assert_eq!(lost, 0);
    let refused = answers.iter().filter(|answer| answer.status != 204).count();
    assert!((1_000..BODIES).contains(&refused), "{refused} refused: the mutations are too mild");
    println!("figure: seed {seed}: {refused} of {BODIES} refused, {} KiB more", grown >> 10);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
}

#[tokio::test]
async fn a_body_that_never_ends_stores_nothing() {
    let world = World::with(Settings { receive_ms: 100, ..Settings::default() }).await;
    let addr = world.url.strip_prefix("http://").unwrap();
    let head = "POST /v1/cmcd?k=demo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n";
    let mut slow = tokio::net::TcpStream::connect(addr).await.unwrap();
    let sent = format!("{head}{}", mutate::marker(1));
    slow.write_all(sent.as_bytes()).await.unwrap();
    let mut broken = tokio::net::TcpStream::connect(addr).await.unwrap();
    broken.write_all(sent.as_bytes()).await.unwrap();
    drop(broken);
    let mut answer = vec![0; 12];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    assert!(world.log.entries().await.is_empty());
}
