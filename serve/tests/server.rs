//! Connections as clients see them: limits, timeouts, drains, upgrades.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::time::Duration;

use tallylight_serve::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use world::{LIMITS, SOON, closed, echoes, read_to, world};

#[tokio::test]
async fn a_drain_lets_open_requests_end_and_closes_idle_connections() {
    let world = world(LIMITS).await;
    let mut idle = TcpStream::connect(world.addr).await.unwrap();
    let mut asked = world.ask("/slow").await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(world.open.get(), 2);
    world.stop.cancel();
    read_to(&mut asked, b"whole").await;
    closed(&mut idle).await;
    timeout(SOON, world.running).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(world.addr).await.is_err());
    assert_eq!(world.open.get(), 0);
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut_off() {
    let limits = Limits { drain_within: Duration::from_millis(200), ..LIMITS };
    let world = world(limits).await;
    let mut asked = world.ask("/stuck").await;
    sleep(Duration::from_millis(100)).await;
    world.stop.cancel();
    closed(&mut asked).await;
    timeout(SOON, world.running).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_without_a_head_is_closed() {
    let limits = Limits { head_within: Duration::from_millis(100), ..LIMITS };
    let world = world(limits).await;
    let mut half = TcpStream::connect(world.addr).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    closed(&mut half).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_and_a_web_socket_is_one() {
    let world = world(Limits { connections: 1, ..LIMITS }).await;
    let mut socket = world.ask("/echo").await;
    read_to(&mut socket, b"\r\n\r\n").await;
    echoes(&mut socket).await;
    let mut next = world.ask("/slow").await;
    assert!(timeout(Duration::from_millis(600), next.read_u8()).await.is_err(), "it must wait");
    echoes(&mut socket).await;
    assert_eq!(world.open.get(), 1);
    drop(socket);
    read_to(&mut next, b"whole").await;
}

#[tokio::test]
async fn a_web_socket_may_send_any_amount() {
    let world = world(LIMITS).await;
    let mut socket = world.ask("/echo").await;
    read_to(&mut socket, b"\r\n\r\n").await;
    // More than a client without a request may send, as empty pong frames.
    let pongs = [0x8a, 0x80, 0, 0, 0, 0].repeat(1_000);
    for _ in 0..150 {
        socket.write_all(&pongs).await.unwrap();
    }
    echoes(&mut socket).await;
}
