//! Attacks on the collector's TLS.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConnection;

use crate::good;

type Ended = std::io::Result<()>;

/// The client hello of a handshake.
fn hello() -> Vec<u8> {
    let mut client = ClientConnection::new(good::config(), good::name()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A handshake sent at ten bytes a second.
pub(super) async fn slow(stream: &mut TcpStream) -> Ended {
    for byte in hello() {
        stream.write_all(&[byte]).await?;
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Sends the client hello and nothing more; with `half_closed`, closes its direction.
pub(super) async fn only_hello(stream: &mut TcpStream, half_closed: bool) -> Ended {
    stream.write_all(&hello()).await?;
    if half_closed {
        stream.shutdown().await?;
    }
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// Random bytes.
pub(super) async fn noise(stream: &mut TcpStream) -> Ended {
    let noise: [u8; 4_096] = rand::random();
    loop {
        stream.write_all(&noise).await?;
    }
}

/// A handshake message that claims the greatest length.
pub(super) async fn endless(stream: &mut TcpStream) -> Ended {
    let record = |content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [b"\x16\x03\x01".as_slice(), &length, content].concat()
    };
    stream.write_all(&record(b"\x01\xff\xff\xff\x03\x03")).await?;
    let more = record(&[0; 16_000]);
    loop {
        stream.write_all(&more).await?;
    }
}

/// A complete handshake, and a disconnect without a close.
pub(super) async fn handshake(stream: &mut TcpStream) -> Ended {
    let tls = TlsConnector::from(good::config()).connect(good::name(), stream).await?;
    // The collector's session tickets are not read, so the connection is reset.
    drop(tls);
    Ok(())
}

/// Requests key updates for as long as the collector reads them.
pub(super) async fn new_keys(stream: &mut TcpStream) -> Ended {
    let mut tls = TlsConnector::from(good::config()).connect(good::name(), stream).await?;
    loop {
        for _ in 0..64 {
            tls.get_mut().1.refresh_traffic_keys().map_err(std::io::Error::other)?;
        }
        // A flush sends the queued updates.
        tls.flush().await?;
        let _ = tokio::time::timeout(Duration::from_micros(1), tls.read_u8()).await;
    }
}
