//! What becomes of bodies that a handler does not read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::time::Duration;

use tallylight_serve::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use world::{LIMITS, SOON, World, closed, read_to, world};

/// More than a connection buffers, here and in the system.
const LARGE: usize = 3 << 20;

/// Sends the head of a POST to a handler that refuses it without reading all of its body.
async fn post(world: &World, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_body_that_is_not_read_costs_neither_the_answer_nor_the_connection() {
    let world = world(LIMITS).await;
    let half = vec![b'a'; LARGE / 2];
    for path in ["/refused", "/refused-late"] {
        let mut stream = post(&world, path, &format!("content-length: {LARGE}\r\n")).await;
        for _ in 0..2 {
            timeout(SOON, stream.write_all(&half)).await.expect("it is received").unwrap();
            sleep(Duration::from_millis(50)).await;
        }
        read_to(&mut stream, b"refused").await;
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        read_to(&mut stream, b"whole").await;
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_answered_at_once_and_one_that_sends_nothing_soon() {
    let world = world(LIMITS).await;
    for (headers, within_ms) in [("expect: 100-continue\r\n", 900), ("", 2_500)] {
        let mut stream = post(&world, "/refused", &format!("content-length: 9\r\n{headers}")).await;
        let answer = read_to(&mut stream, b"refused");
        timeout(Duration::from_millis(within_ms), answer).await.expect("an answer");
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn a_request_that_is_refused_for_its_head_is_answered_while_its_body_comes() {
    let world = world(LIMITS).await;
    let path = format!("/taken?{}", "a".repeat(40_000));
    let mut stream = post(&world, &path, &format!("content-length: {LARGE}\r\n")).await;
    timeout(SOON, stream.write_all(&vec![b'a'; LARGE])).await.expect("it is received").unwrap();
    read_to(&mut stream, b"}").await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_to(&mut stream, b"whole").await;
}

#[tokio::test]
async fn a_drain_and_the_end_of_a_connection_do_not_wait_for_a_body_that_nobody_reads() {
    let world = world(Limits { request_within: Duration::from_millis(300), ..LIMITS }).await;
    let mut cut = post(&world, "/refused", "content-length: 9\r\n").await;
    let answer = read_to(&mut cut, b"refused");
    timeout(Duration::from_millis(900), answer).await.expect("an answer though it is cut off");
    let mut drained = post(&world, "/refused", "content-length: 9\r\n").await;
    sleep(Duration::from_millis(50)).await;
    world.stop.cancel();
    let answer = read_to(&mut drained, b"refused");
    timeout(Duration::from_millis(700), answer).await.expect("an answer when the drain begins");
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_received() {
    let world = world(LIMITS).await;
    let mut stream = post(&world, "/refused", "content-length: 1000000000\r\n").await;
    let answer = read_to(&mut stream, b"refused");
    timeout(Duration::from_millis(900), answer).await.expect("an answer at once");
    closed(&mut stream).await;
}
