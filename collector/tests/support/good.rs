//! Good clients, with TLS or without, and how long their POSTs take.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::join_all;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_serve::TlsFiles;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How many good clients there are; each renews its connection now and then.
const CLIENTS: usize = 16;
/// The pause before each POST of a client.
const PAUSE: Duration = Duration::from_millis(10);
/// Records of a compressed POST: some kilobytes as sent, so that it waits for its turn.
const BATCH: usize = 200;

/// A certificate for `localhost` and its key.
pub fn certificate() -> TlsFiles {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve/tests/certs");
    TlsFiles { cert: made.join("one.pem"), key: made.join("one.key") }
}

/// Trusts that certificate alone. Sessions are not resumed: every handshake is complete.
pub fn config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate().cert).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// The name that the certificate is for.
pub fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// The good clients of a collector.
pub struct Clients {
    addr: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Clients {
    pub fn plain(addr: SocketAddr) -> Self {
        Self { addr, tls: None }
    }

    pub fn tls(addr: SocketAddr) -> Self {
        Self { addr, tls: Some(config().into()) }
    }

    async fn connect(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        match &self.tls {
            Some(tls) => Box::new(tls.connect(name(), stream).await.expect("a handshake")),
            None => Box::new(stream),
        }
    }

    /// The 99th percentile of the clients' POST times. A POST that fails fails the test.
    pub async fn p99(&self, duration: Duration) -> Duration {
        let began = Instant::now();
        let client = async |number: usize| {
            let (mut took, mut stream) = (Vec::new(), None);
            while began.elapsed() < duration {
                sleep(PAUSE).await;
                let request = request(number, took.len());
                let sent = Instant::now();
                let mut open = match stream.take().filter(|_| took.len() % 8 != 7) {
                    Some(open) => open,
                    None => self.connect().await,
                };
                post(&mut open, &request).await.expect("a good client is served");
                stream = Some(open);
                took.push(sent.elapsed());
            }
            took
        };
        let mut took = join_all((0..CLIENTS).map(client)).await.concat();
        took.sort_unstable();
        took[took.len() * 99 / 100]
    }
}

/// A POST: one record, or, from every fourth client, many compressed ones, as an SDK sends them
/// after a while.
fn request(number: usize, sn: usize) -> Vec<u8> {
    let ts = WallClock.now_us() / 1_000;
    let line = |sn| format!("e=t,sid=\"good-{number}\",sn={sn},sta=p,ts={ts},v=2\n");
    let (encoding, body) = match number % 4 {
        0 => {
            let lines: String = (0..BATCH).map(|at| line(sn * BATCH + at)).collect();
            let mut packed = GzEncoder::new(Vec::new(), Compression::none());
            packed.write_all(lines.as_bytes()).unwrap();
            ("content-encoding: gzip\r\n", packed.finish().unwrap())
        }
        _ => ("", line(sn).into_bytes()),
    };
    let (length, head) = (body.len(), "POST /v1/cmcd?k=good HTTP/1.1\r\nhost: x\r\n");
    let head = format!("{head}{encoding}content-length: {length}\r\n\r\n");
    [head.into_bytes(), body].concat()
}

/// A POST that is answered 204, by hand: a client library would cost more than the collector.
async fn post(stream: &mut dyn Stream, request: &[u8]) -> std::io::Result<()> {
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}
