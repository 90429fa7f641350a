//! What attackers do to the TLS of a door.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConnection;

use crate::good;

type Ended = std::io::Result<()>;

/// The client's part of a handshake.
fn hello() -> Vec<u8> {
    let mut client = ClientConnection::new(good::config(), good::name()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A handshake of which a byte comes ten times a second.
pub(super) async fn slow(stream: &mut TcpStream) -> Ended {
    for byte in hello() {
        stream.write_all(&[byte]).await?;
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Has the door do its part, and says nothing more; or says that nothing more comes.
pub(super) async fn only_hello(stream: &mut TcpStream, half_closed: bool) -> Ended {
    stream.write_all(&hello()).await?;
    if half_closed {
        stream.shutdown().await?;
    }
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// Bytes that are nothing.
pub(super) async fn noise(stream: &mut TcpStream) -> Ended {
    let noise: [u8; 4_096] = rand::random();
    loop {
        stream.write_all(&noise).await?;
    }
}

/// A message of a handshake that is as long as one may say.
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

/// A whole handshake, and an end without a word.
pub(super) async fn handshake(stream: &mut TcpStream) -> Ended {
    let tls = TlsConnector::from(good::config()).connect(good::name(), stream).await?;
    // What the door sends behind it is not read: there is a reset instead of a goodbye.
    drop(tls);
    Ok(())
}

/// Asks for new keys for as long as the door listens.
pub(super) async fn new_keys(stream: &mut TcpStream) -> Ended {
    let mut tls = TlsConnector::from(good::config()).connect(good::name(), stream).await?;
    loop {
        for _ in 0..64 {
            tls.get_mut().1.refresh_traffic_keys().map_err(std::io::Error::other)?;
        }
        // An empty write sends what was made of it.
        tls.flush().await?;
        let _ = tokio::time::timeout(Duration::from_micros(1), tls.read_u8()).await;
    }
}
