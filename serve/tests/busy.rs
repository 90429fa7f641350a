//! A server at its connection limit, or with abusive clients: connections in use are kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::time::Duration;

use tallylight_serve::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use world::{LIMITS, SOON, World, closed, read_to, world};

/// The start of the answer to a raw request, up to its status.
async fn status(world: &World, request: &str) -> String {
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    timeout(SOON, stream.read_exact(&mut answer)).await.expect("an answer in time").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn silent_and_slow_connections_make_room_and_those_awaiting_an_answer_stay() {
    let world = world(Limits { connections: 3, ..LIMITS }).await;
    let mut waiting = world.ask("/stuck").await;
    let mut silent = TcpStream::connect(world.addr).await.unwrap();
    let mut slow = TcpStream::connect(world.addr).await.unwrap();
    slow.write_all(b"POST /taken HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let mut first = world.ask("/slow").await;
    read_to(&mut first, b"whole").await;
    closed(&mut silent).await;
    assert!(timeout(Duration::from_millis(10), slow.read_u8()).await.is_err(), "not its turn yet");
    // Now both may be ended to make room; the idle one goes first.
    sleep(Duration::from_millis(1_200)).await;
    let mut second = world.ask("/stuck").await;
    closed(&mut first).await;
    let mut third = world.ask("/slow").await;
    read_to(&mut third, b"whole").await;
    closed(&mut slow).await;
    for held in [&mut waiting, &mut second] {
        assert!(timeout(Duration::from_millis(10), held.read_u8()).await.is_err(), "it was cut");
    }
    assert_eq!(world.open.get(), 3);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut() {
    let world = world(Limits { request_within: Duration::from_millis(200), ..LIMITS }).await;
    closed(&mut world.ask("/stuck").await).await;
    let mut trickle = TcpStream::connect(world.addr).await.unwrap();
    trickle
        .write_all(b"POST /taken HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n")
        .await
        .unwrap();
    let (mut reads, mut writes) = trickle.split();
    let drip = async {
        while writes.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = drip => {}
        end = timeout(SOON, reads.read_u8()) => assert!(end.expect("an end in time").is_err()),
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let world = world(LIMITS).await;
    let long = "a".repeat(40_000);
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    for (request, expected) in [
        (format!("GET /slow?{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "HTTP/1.1 414"),
        (format!("GET /slow HTTP/1.1\r\nhost: x\r\nx: {long}{long}\r\n\r\n"), "HTTP/1.1 431"),
        (format!("GET /slow HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "HTTP/1.1 431"),
        ("GET /slow HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".into(), "HTTP/1.1 400"),
        ("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n".into(), "HTTP/1.1 200"),
    ] {
        assert_eq!(status(&world, &request).await, expected);
    }
}

/// HTTP/2 by hand: the connection preface, and the frames of requests.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Bytes of a body in one frame, and in as many as a stream may send at first.
const PIECE: usize = 16 << 10;
const WINDOW: usize = 256 << 10;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS, ended: GET, http, the authority x, and the path `/slow` as a literal.
fn get(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, b"\x82\x86\x41\x01x\x04\x05/slow")
}

/// HEADERS of a POST, before its body.
fn post(stream: u32, path: &str) -> Vec<u8> {
    let length = [path.len() as u8];
    let fields = [b"\x83\x86\x41\x01x\x04".as_slice(), &length, path.as_bytes()];
    frame(1, 4, stream, &fields.concat())
}

/// A POST with a whole body.
fn upload(stream: u32) -> Vec<u8> {
    let pieces = WINDOW / PIECE;
    let data = |n| frame(0, u8::from(n == pieces), stream, &[b'a'; PIECE]);
    [post(stream, "/taken"), (1..=pieces).flat_map(data).collect()].concat()
}

fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &8_u32.to_be_bytes())
}

#[tokio::test]
async fn the_preface_selects_http_2() {
    let world = world(LIMITS).await;
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(&[PREFACE, &get(1), &get(3)].concat()).await.unwrap();
    read_to(&mut stream, b"whole").await;
    read_to(&mut stream, b"whole").await;
}

#[tokio::test]
async fn a_burst_of_bodies_is_served_however_much_is_read_at_once() {
    let world = world(LIMITS).await;
    for is_first in [true, false] {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        // The server's settings are known once it has opened the connection's window, to 512 KiB.
        read_to(&mut stream, b"\0\x07\0\x01").await;
        stream.write_all(&frame(4, 1, 0, b"")).await.unwrap();
        if !is_first {
            stream.write_all(&get(1)).await.unwrap();
            read_to(&mut stream, b"whole").await;
        }
        stream.write_all(&[upload(3), upload(5)].concat()).await.unwrap();
        for _ in 0..2 {
            read_to(&mut stream, WINDOW.to_string().as_bytes()).await;
        }
        stream.write_all(&get(7)).await.unwrap();
        read_to(&mut stream, b"whole").await;
    }
}

#[tokio::test]
async fn what_still_arrives_of_refused_bodies_costs_no_other_request() {
    let world = world(LIMITS).await;
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    let refused = || (1..256).step_by(2);
    let posts = refused().flat_map(|number| post(number, "/refused"));
    let posts: Vec<u8> = PREFACE.iter().copied().chain(posts).collect();
    stream.write_all(&posts).await.unwrap();
    for _ in refused() {
        read_to(&mut stream, b"refused").await;
    }
    // The resets behind the answers are out, too, and most of these streams are forgotten.
    sleep(Duration::from_millis(50)).await;
    let late: Vec<u8> = refused().flat_map(|number| frame(0, 0, number, b"a")).collect();
    stream.write_all(&late).await.unwrap();
    stream.write_all(&get(257)).await.unwrap();
    read_to(&mut stream, b"whole").await;
}

#[tokio::test]
async fn a_client_that_resets_its_requests_is_cut() {
    let world = world(LIMITS).await;
    for pause in [false, true] {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let (mut reads, mut writes) = stream.split();
        // In one burst, streams are reset before they are accepted; with pauses, afterwards.
        let flood = async {
            for number in (1..4_000).step_by(2) {
                writes.write_all(&get(number)).await?;
                if pause {
                    sleep(Duration::from_millis(2)).await;
                }
                writes.write_all(&reset(number)).await?;
            }
            std::io::Result::Ok(())
        };
        let end = async {
            let _ = reads.read_to_end(&mut Vec::new()).await;
        };
        let both = async {
            tokio::select! {
                sent = flood => sent.expect_err("a flood that was not stopped"),
                () = end => std::io::Error::other("cut"),
            }
        };
        timeout(SOON, both).await.expect("an end in time");
    }
}
