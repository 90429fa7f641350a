use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::delivery;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::build::{Service, bind};
use crate::report::{CollectorEndpoint, Reporter};
use crate::{edge, origin, steering};

#[tokio::test]
async fn a_background_task_that_panics_ends_the_service_with_an_error() {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let mut background = JoinSet::new();
    background.spawn(async { panic!("as the test wants it") });
    let service = Service {
        server: bind(([127, 0, 0, 1], 0).into(), 1).await.unwrap(),
        router: Router::new(),
        reporter: Reporter::spawn(
            &CollectorEndpoint::default(),
            delivery::Service::Origin,
            "test",
            &clock,
        )
        .unwrap(),
        background,
    };
    let running = service.run(CancellationToken::new());
    let ended = tokio::time::timeout(Duration::from_secs(5), running).await.unwrap();
    assert!(ended.unwrap_err().to_string().contains("as the test wants it"));
}

#[test]
fn services_beyond_loopback_need_a_trusted_network() {
    let listen = ([0, 0, 0, 0], 1).into();
    for trusted_network in [false, true] {
        let origin = origin::Settings { listen, trusted_network, ..Default::default() };
        let edge = edge::Settings { listen, trusted_network, ..Default::default() };
        let steering = steering::Settings { listen, trusted_network, ..Default::default() };
        let checked = [origin.validate(), edge.validate(), steering.validate()];
        assert!(checked.iter().all(|verdict| verdict.is_ok() == trusted_network), "{checked:?}");
    }
}
