//! Connections as clients see them: capped, timed, drained, upgraded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::get;
use prometheus_client::metrics::gauge::Gauge;
use tallylight_serve::{Limits, Server, TaskEnded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits {
    connections: 16,
    head_within: Duration::from_secs(10),
    drain_within: Duration::from_secs(5),
};
/// Longer than anything here takes, shorter than the limits.
const SOON: Duration = Duration::from_secs(3);

struct World {
    addr: SocketAddr,
    open: Gauge,
    stop: CancellationToken,
    running: JoinHandle<Result<(), TaskEnded>>,
}

async fn world(limits: Limits) -> World {
    let open = Gauge::default();
    let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).await.unwrap();
    let server = server.counting(open.clone());
    let (addr, stop) = (server.addr(), CancellationToken::new());
    let stopping = stop.clone();
    let running = async move { server.run(router(), &mut JoinSet::new(), stopping).await };
    World { addr, open, stop, running: tokio::spawn(running) }
}

fn router() -> Router {
    let echo = get(async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                let _ = socket.send(Message::Text(text)).await;
            }
        })
    });
    let slow = get(async || {
        sleep(Duration::from_millis(300)).await;
        "whole"
    });
    let stuck = get(async || std::future::pending::<&str>().await);
    Router::new().route("/slow", slow).route("/stuck", stuck).route("/echo", echo)
}

impl World {
    async fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n");
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let upgrade = if path == "/echo" { upgrade } else { "" };
        stream.write_all(format!("{head}{upgrade}\r\n").as_bytes()).await.unwrap();
        stream
    }
}

/// Reads until `end` was read.
async fn read_to(stream: &mut TcpStream, end: &[u8]) {
    let mut read = Vec::new();
    let all = async {
        while !read.ends_with(end) {
            read.push(stream.read_u8().await.expect("more"));
        }
    };
    timeout(SOON, all).await.expect("an answer in time");
}

async fn closed(stream: &mut TcpStream) {
    let end = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
    // Cut off or closed in order.
    let _ = end.expect("an end in time");
}

async fn echoes(stream: &mut TcpStream) {
    // A masked text frame, with a mask of zeros, and the same unmasked.
    stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    read_to(stream, b"\x81\x02hi").await;
}

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
