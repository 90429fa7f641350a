//! TLS: both protocols, a certificate renewed while the server runs, and errors at startup.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tallylight_serve::{Limits, Server, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use world::{LIMITS, SOON, World, closed, start};

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs").join(name)
}

/// Copies the certificate and the key of these names into a folder.
fn put(folder: &Path, cert: &str, key: &str) -> TlsFiles {
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::copy(made(cert), &files.cert).unwrap();
    std::fs::copy(made(key), &files.key).unwrap();
    files
}

/// Connects, trusting only the certificate `name`.
async fn connect(
    world: &World,
    name: &str,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(made(name)).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(world.addr).await?;
    let server = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(server, stream).await
}

async fn answers(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 12];
    timeout(SOON, stream.read_exact(&mut answer)).await.expect("an answer in time").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn both_protocols_and_a_certificate_renewed_at_run_time() {
    let folder = tempfile::tempdir().unwrap();
    let world = start(LIMITS, Some(put(folder.path(), "one.pem", "one.key"))).await;
    let mut early = connect(&world, "one.pem", b"http/1.1").await.unwrap();
    assert_eq!(answers(&mut early).await, "HTTP/1.1 200");
    let mut second = connect(&world, "one.pem", b"h2").await.unwrap();
    assert_eq!(second.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    second.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 4];
    timeout(SOON, second.read_exact(&mut frame)).await.expect("settings in time").unwrap();
    assert_eq!(frame[3], 4, "the server's SETTINGS");

    // Half a renewal leaves the earlier pair in use.
    put(folder.path(), "two.pem", "one.key");
    sleep(Duration::from_millis(1_500)).await;
    assert!(connect(&world, "one.pem", b"h2").await.is_ok());
    put(folder.path(), "two.pem", "two.key");
    let renewed = async {
        while connect(&world, "two.pem", b"http/1.1").await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, renewed).await.expect("the new certificate in time");
    assert!(connect(&world, "one.pem", b"h2").await.is_err());
    early.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    timeout(SOON, early.read_u8()).await.expect("connections go on").unwrap();
}

#[tokio::test]
async fn an_incomplete_handshake_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { head_within: Duration::from_millis(200), ..LIMITS };
    let world = start(limits, Some(put(folder.path(), "one.pem", "one.key"))).await;
    let mut stalled = TcpStream::connect(world.addr).await.unwrap();
    stalled.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    closed(&mut stalled).await;
    let mut plain = world.ask("/slow").await;
    closed(&mut plain).await;
}

#[tokio::test]
async fn mistakes_are_reported_at_startup() {
    let folder = tempfile::tempdir().unwrap();
    let server = async || Server::bind(([127, 0, 0, 1], 0).into(), LIMITS).await.unwrap();
    let pair = put(folder.path(), "one.pem", "two.key");
    let gone = TlsFiles { cert: folder.path().join("gone.pem"), ..pair.clone() };
    let swapped = TlsFiles { cert: pair.key.clone(), key: pair.cert.clone() };
    let no_key = TlsFiles { cert: pair.cert.clone(), key: pair.cert.clone() };
    for (files, words) in [
        (gone, ["cannot read", "gone.pem"]),
        (swapped, ["no certificate", "key.pem"]),
        (no_key, ["no private key", "cert.pem"]),
        (pair, ["cannot be used together", "key.pem"]),
    ] {
        let error = server().await.with_tls(files).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}
