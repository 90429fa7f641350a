//! Which requests of a browser the guard passes on, by their path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use tallylight_serve::Server;
use tallylight_serve::guard::{Guard, guard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use world::{LIMITS, SOON};

const HANDED_ON: &str = "handed on with sec-fetch-site";

/// A server whose every path says whether `Sec-Fetch-Site` was handed on.
async fn guarded() -> SocketAddr {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), LIMITS).await.unwrap();
    let addr = server.addr();
    let answer = async |headers: HeaderMap| {
        if headers.contains_key("sec-fetch-site") { HANDED_ON } else { "handed on" }
    };
    let lists = Guard::new(&[], &["http://localhost:5173".into()]);
    let router = Router::new().fallback(answer).layer(from_fn_with_state(Arc::new(lists), guard));
    tokio::spawn(
        async move { server.run(router, &mut JoinSet::new(), CancellationToken::new()).await },
    );
    addr
}

/// The status and the body of the answer to a GET.
async fn get(addr: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

#[tokio::test]
async fn another_site_embeds_and_links_to_pages_and_media_but_not_to_an_api() {
    let addr = guarded().await;
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "document"),
    ] {
        for site in ["cross-site", "same-site"] {
            let headers = format!(
                "sec-fetch-site: {site}\r\nsec-fetch-mode: {mode}\r\nsec-fetch-dest: {dest}\r\n"
            );
            for path in ["/v1/series?where=sid='a'", "/v1/tail"] {
                assert_eq!(get(addr, path, &headers).await.0, 403, "{path} {mode} {site}");
            }
            for path in ["/", "/sessions", "/live/demo/master.m3u8", "/e1/live/a.m4s", "/metrics"] {
                assert_eq!(get(addr, path, &headers).await.0, 200, "{path} {mode} {site}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_allowed_here_is_not_judged_again_by_a_service_behind() {
    let addr = guarded().await;
    for headers in [
        "",
        "sec-fetch-site: none\r\n",
        "sec-fetch-site: same-origin\r\n",
        "sec-fetch-site: cross-site\r\norigin: http://localhost:5173\r\n",
    ] {
        let (status, body) = get(addr, "/v1/steering", headers).await;
        assert_eq!((status, body.as_str()), (200, "handed on"), "{headers}");
    }
}
