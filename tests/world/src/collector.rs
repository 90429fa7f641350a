//! A collector, called as HTTP would call it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use tallylight_collector::{Parts, Settings, build};
use tallylight_eventlog::Shards;
use tallylight_schemas::clock::Clock;
use tallylight_schemas::headers;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::cast::Form;

/// A collector that runs.
#[derive(Debug)]
pub struct SimCollector {
    router: axum::Router,
    /// Its main task.
    pub running: JoinHandle<()>,
}

impl SimCollector {
    /// Starts one. Every request is committed at once, together with those that arrive at the same
    /// moment.
    pub async fn start(clock: Arc<dyn Clock>, log: Shards) -> Self {
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            flush_rows: 1,
            ..Settings::default()
        };
        let service = build(settings, Parts { clock, log }).await.unwrap();
        let router = service.router();
        let running = tokio::spawn(async move {
            service.run(CancellationToken::new()).await.unwrap();
        });
        Self { router, running }
    }

    /// Sends records. Returns how many were accepted; `None` if nothing was acknowledged.
    pub async fn post(&self, form: Form, body: String) -> Option<u64> {
        let (path, kind) = match form {
            Form::Cmcd => ("/v1/cmcd?k=demo", "application/cmcd"),
            Form::Events => ("/v1/events?k=demo", "application/x-ndjson"),
        };
        let request = Request::post(path).header("content-type", kind);
        let request = request.body(Body::from(body)).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        match answer.status().as_u16() {
            204 => {
                let fates = answer.headers()[headers::FATES].to_str().unwrap();
                Some(fates.strip_prefix("accepted=").unwrap().parse().unwrap())
            }
            503 => None,
            other => panic!("a collector answers {other}"),
        }
    }
}
