//! The attack list (docs/testing.md, "What must hold"): during each attack a good client's p99
//! stays under twice the calm figure, and memory is bounded.
//!
//! Calm and attack are measured alternately in one run, against a collector in its own process.
//! A slow machine gets three tries; an effective attack fails all three.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

#[path = "support/attack.rs"]
#[allow(dead_code, unreachable_pub)]
mod attack;
#[path = "support/child.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stdout)]
mod child;
#[path = "support/good.rs"]
#[allow(dead_code, unreachable_pub)]
mod good;

use std::net::SocketAddr;
use std::time::Duration;

use attack::{Attack, PLAIN, TLS};
use child::{Collector, folder};
use good::Clients;
use tallylight_collector::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Tests that ran at the same time would distort each other's figures.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// The most memory that all attacks together may cost, bytes.
const MEMORY: u64 = 200 << 20;

#[test]
#[ignore = "the other tests start it as a process"]
fn the_collector() {
    child::be_the_collector();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests start it as a process"]
async fn the_attacker() {
    attack::be_the_attacker().await;
}

fn duration() -> Duration {
    Duration::from_secs(if std::env::var_os("TALLYLIGHT_SOAK").is_some() { 30 } else { 1 })
}

/// The tolerance of a short run, because one second cannot distinguish the machine's own pauses
/// from an attack's effect. Long runs have none.
fn tolerance() -> Duration {
    if duration() > Duration::from_secs(1) { Duration::ZERO } else { Duration::from_millis(20) }
}

fn settings() -> Settings {
    // Fewer connections and shorter timeouts than in production, so that seconds are enough. And
    // a short flush, so that a POST's time is the collector's and not a wait for a full commit.
    let brief = Settings { head_ms: 2_000, receive_ms: 2_000, flush_ms: 2, ..Settings::default() };
    // The attackers use the tenant `demo`.
    let write_keys = ["demo", "good"].map(|key| (key.to_owned(), key.to_owned())).into();
    Settings { connections: 256, write_keys, ..brief }
}

async fn withstands(collector: &Collector, clients: &Clients, attack: Attack) {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let calm = clients.p99(duration()).await;
        let mut attacking = attack::start(attack, collector.addr);
        // The steady state is measured, not the onset.
        sleep(Duration::from_millis(1_500)).await;
        let attacked = clients.p99(duration()).await;
        assert!(attacking.is_there(), "{attack:?}: nobody attacked");
        // A connection is a file; the others belong to the log, the runtime and ending connections.
        let files = collector.open_files();
        assert!(files < settings().connections + 100, "{attack:?}: {files} files are open");
        drop(attacking);
        println!("figure: {attack:?}: calm p99 {calm:?}, attacked {attacked:?}");
        if attacked < calm * 2 + tolerance() {
            return;
        }
        seen.push((calm, attacked));
        sleep(Duration::from_secs(1)).await;
    }
    panic!("{attack:?} harms good clients: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_clients_are_served_during_every_attack() {
    let _one = ONE_AT_A_TIME.lock().await;
    let folder = folder();
    let collector = Collector::start(&settings(), folder.path(), 1_024);
    let clients = Clients::plain(collector.addr);
    all_are_withstood(collector, &clients, &PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_clients_with_tls_are_served_during_every_attack() {
    let _one = ONE_AT_A_TIME.lock().await;
    let folder = folder();
    let settings = Settings { tls: Some(good::certificate()), ..settings() };
    let collector = Collector::start(&settings, folder.path(), 1_024);
    let clients = Clients::tls(collector.addr);
    all_are_withstood(collector, &clients, &TLS).await;
}

async fn all_are_withstood(collector: Collector, clients: &Clients, attacks: &[Attack]) {
    clients.p99(duration()).await;
    let before = collector.peak_bytes();
    for attack in attacks {
        withstands(&collector, clients, *attack).await;
    }
    let more = collector.peak_bytes() - before;
    println!("figure: memory: {} MiB more than before", more >> 20);
    assert!(more < MEMORY, "{} MiB", more >> 20);
    let output = collector.stop();
    assert!(!output.contains("panicked"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_out_of_file_descriptors_keeps_serving() {
    let _one = ONE_AT_A_TIME.lock().await;
    let folder = folder();
    let settings = Settings { connections: 4_096, ..settings() };
    let collector = Collector::start(&settings, folder.path(), 160);
    withstands(&collector, &Clients::plain(collector.addr), Attack::Silent).await;
    let output = collector.stop();
    assert!(output.contains("idle ones are closed"), "files never ran out: {output}");
}

/// Sends bytes and reads until the connection ends or stays silent.
async fn dialogue(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_millis(1_500), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_smuggled_behind_another() {
    let _one = ONE_AT_A_TIME.lock().await;
    let folder = folder();
    let collector = Collector::start(&settings(), folder.path(), 1_024);
    let head = "POST /v1/cmcd?k=demo HTTP/1.1\r\nhost: x\r\n";
    let hidden = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let (length, chunked) = ("content-length: 40\r\n", "transfer-encoding: chunked\r\n");
    for (framing, body, status) in [
        (format!("{length}{chunked}"), "1\r\na\r\n0\r\n\r\n", "204"),
        (format!("{chunked}{length}"), "1\r\na\r\n0\r\n\r\n", "204"),
        (format!("{chunked}transfer-encoding: identity\r\n"), "1\r\na\r\n0\r\n\r\n", "400"),
        ("transfer-encoding: xchunked\r\n".into(), "1\r\na\r\n0\r\n\r\n", "400"),
        ("content-length: 1\r\ncontent-length: 2\r\n".into(), "a", "400"),
        ("content-length: +1\r\n".into(), "a", "400"),
        ("content-length: 1, 1\r\n".into(), "a", "400"),
        (chunked.into(), "zz\r\na\r\n0\r\n\r\n", "400"),
        (chunked.into(), "fffffffffffffffff\r\na\r\n0\r\n\r\n", "400"),
        (format!("{chunked} x: folded\r\n"), "1\r\na\r\n0\r\n\r\n", "400"),
    ] {
        let answer = dialogue(collector.addr, &format!("{head}{framing}\r\n{body}{hidden}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{framing:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{framing:?} let one in: {answer}");
    }
}
