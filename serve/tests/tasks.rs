//! A server ends when a task of its service ends, and reports an address in use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use axum::Router;
use tallylight_serve::{Limits, Server};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits {
    connections: 16,
    head_within: Duration::from_secs(10),
    idle_within: Duration::from_secs(10),
    request_within: Duration::from_secs(10),
    drain_within: Duration::from_secs(5),
};

async fn server() -> Server {
    Server::bind(([127, 0, 0, 1], 0).into(), LIMITS).await.unwrap()
}

#[tokio::test]
async fn a_task_that_ends_or_panics_ends_the_service_with_an_error() {
    for (panics, says) in [(false, "it returned"), (true, "as the test wants it")] {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        tasks.spawn(async move {
            sleep(Duration::from_millis(50)).await;
            assert!(!panics, "as the test wants it");
        });
        let running = server().await.run(Router::new(), &mut tasks, CancellationToken::new());
        let ended = timeout(Duration::from_secs(3), Box::pin(running)).await.expect("an end");
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(tasks.len(), 1, "the other is the caller's");
    }
}

#[tokio::test]
async fn a_port_in_use_says_which() {
    let first = server().await;
    let error = Server::bind(first.addr(), LIMITS).await.unwrap_err();
    assert!(error.to_string().contains(&first.addr().to_string()), "{error}");
}
