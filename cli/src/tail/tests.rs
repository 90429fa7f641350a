//! A dashboard that goes away, and one that falls silent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

/// The output, for the test to read.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn tail(at: SocketAddr, silence: Duration, shown: &Shown) -> Tail {
    let table = "player_events".to_owned();
    let args = TailArgs { condition: None, table, columns: None, rows: Some(2) };
    let (dashboard, client) = (format!("http://{at}"), client(silence).unwrap());
    Tail { dashboard, client, args, next: None, shown: 0, out: Box::new(shown.clone()) }
}

/// Gives one answer, which ends with the connection, and then stops listening. Returns the first
/// line of the request.
async fn one(listener: TcpListener, status: &str, body: &str) -> (String, TcpStream) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        stream.read_line(&mut request).await.unwrap();
    }
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    (request.lines().next().unwrap().to_owned(), stream.into_inner())
}

#[tokio::test]
async fn a_dashboard_that_was_there_is_asked_again_until_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let shown = Shown::default();
    let mut tail = tail(at, SILENCE, &shown);
    let dashboard = async {
        let first = "{\"sid\":\"a\"}\n{\"tail\":{\"end\":true,\"next\":7}}\n";
        let (asked, _) = one(listener, "200 OK", first).await;
        assert!(!asked.contains("from="), "{asked}");
        sleep(PAUSE * 3 / 2).await;
        let starting = TcpListener::bind(at).await.unwrap();
        drop(one(starting, "503 Service Unavailable", "{}").await);
        let listener = TcpListener::bind(at).await.unwrap();
        let (asked, _) = one(listener, "200 OK", "{\"sid\":\"b\"}\n").await;
        assert!(asked.contains("from=7"), "{asked}");
    };
    let (ended, ()) = tokio::join!(timeout(AWAY, tail.follow()), dashboard);
    ended.unwrap().unwrap();
    assert_eq!(*shown.0.lock().unwrap(), b"{\"sid\":\"a\"}\n{\"sid\":\"b\"}\n");
}

#[tokio::test]
async fn a_dashboard_that_never_was_there_or_falls_silent_ends_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut tail = tail(at, Duration::from_millis(200), &Shown::default());
    let silent = one(listener, "200 OK", "{\"tail\":{\"from\":7,\"next\":7}}\n");
    let (ended, _silent) = tokio::join!(timeout(AWAY, tail.follow()), silent);
    let why = ended.unwrap().unwrap_err().to_string();
    assert!(why.contains("the dashboard broke off"), "{why}");

    tail.next = None;
    let why = timeout(CONNECT, tail.follow()).await.unwrap().unwrap_err().to_string();
    assert!(why.contains("no dashboard answers at"), "{why}");
}
