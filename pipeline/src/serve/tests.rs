use super::*;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn server(router: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), 16).await.unwrap();
    let (addr, cancel) = (server.addr(), CancellationToken::new());
    let task = tokio::spawn(server.run(router, cancel.clone()));
    (addr, cancel, task)
}

#[tokio::test]
async fn a_drain_lets_an_open_request_end_and_closes_idle_connections() {
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "whole"
    });
    let (addr, cancel, task) = server(Router::new().route("/", slow)).await;
    let _idle = TcpStream::connect(addr).await.unwrap();
    let answer = tokio::spawn(async move {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    cancel.cancel();
    assert!(answer.await.unwrap().ends_with("whole"));
    tokio::time::timeout(Duration::from_secs(2), task).await.unwrap().unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_port_in_use_says_which() {
    let first = Server::bind("127.0.0.1:0".parse().unwrap(), 1).await.unwrap();
    let error = Server::bind(first.addr(), 1).await.unwrap_err();
    assert!(error.to_string().contains(&first.addr().to_string()), "{error}");
}
