//! A running server, and clients that write raw bytes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use prometheus_client::metrics::gauge::Gauge;
use tallylight_serve::{Limits, Server, TaskEnded, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub const LIMITS: Limits = Limits {
    connections: 16,
    head_within: Duration::from_secs(10),
    idle_within: Duration::from_secs(10),
    request_within: Duration::from_secs(10),
    drain_within: Duration::from_secs(5),
};
/// Longer than any step here takes, shorter than the limits.
pub const SOON: Duration = Duration::from_secs(3);

pub struct World {
    pub addr: SocketAddr,
    pub open: Gauge,
    pub stop: CancellationToken,
    pub running: JoinHandle<Result<(), TaskEnded>>,
}

pub async fn world(limits: Limits) -> World {
    start(limits, None).await
}

pub async fn start(limits: Limits, tls: Option<TlsFiles>) -> World {
    let open = Gauge::default();
    let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).await.unwrap();
    let server = server.counting(open.clone());
    let server = match tls {
        Some(files) => server.with_tls(files).unwrap(),
        None => server,
    };
    let (addr, stop) = (server.addr(), CancellationToken::new());
    let stopping = stop.clone();
    let running = async move { server.run(router(), &mut JoinSet::new(), stopping).await };
    World { addr, open, stop, running: tokio::spawn(running) }
}

fn router() -> Router {
    let echo = get(async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if let Message::Text(text) = message {
                    let _ = socket.send(Message::Text(text)).await;
                }
            }
        })
    });
    let slow = get(async || {
        sleep(Duration::from_millis(300)).await;
        "whole"
    });
    let stuck = get(async || std::future::pending::<&str>().await);
    let taken = post(async |body: String| body.len().to_string());
    let refused_late = post(async |mut body: Body| {
        let _ = body.frame().await;
        "refused"
    });
    Router::new()
        .route("/refused", post(async || "refused"))
        .route("/refused-late", refused_late)
        .route("/taken", taken)
        .route("/slow", slow)
        .route("/stuck", stuck)
        .route("/echo", echo)
}

impl World {
    pub async fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n");
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let upgrade = if path == "/echo" { upgrade } else { "" };
        stream.write_all(format!("{head}{upgrade}\r\n").as_bytes()).await.unwrap();
        stream
    }
}

/// Reads until the bytes end with `end`.
pub async fn read_to(stream: &mut TcpStream, end: &[u8]) {
    let mut read = Vec::new();
    let all = async {
        while !read.ends_with(end) {
            read.push(stream.read_u8().await.expect("more"));
        }
    };
    timeout(SOON, all).await.expect("an answer in time");
}

pub async fn closed(stream: &mut TcpStream) {
    let end = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
    // Cut off or closed in order.
    let _ = end.expect("an end in time");
}

pub async fn echoes(stream: &mut TcpStream) {
    // A masked text frame, with a mask of zeros, and the same unmasked.
    stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    read_to(stream, b"\x81\x02hi").await;
}
