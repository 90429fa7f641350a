//! The collector with TLS, and everything that reports to it: services, viewers, and the dashboard,
//! which forwards the beacons of its pages with the viewer's address.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../collector/tests/support/mmdb.rs"]
#[allow(dead_code, unreachable_pub)]
mod mmdb;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_tests::world::{World, binary};

/// A viewer far away, and its country.
const VIEWER: ([u8; 4], &str) = ([203, 0, 113, 9], "NZ");

/// Settings of `up` on these ports, with TLS at the collector.
fn config(base: u16, folder: &Path, certs: &Path) -> String {
    let country = mmdb::map(&[("country_code", mmdb::text(VIEWER.1))]);
    let network = [203, 0, 113, 0].into();
    let file = folder.join("country.mmdb");
    std::fs::write(&file, mmdb::file("country", &[(network, country)])).unwrap();
    let url = format!("https://localhost:{}", base + 1);
    let reporters = ["encoder", "origin", "steering", "audience", "edges.e1", "edges.e2"];
    let reporters = reporters.map(|name| format!("[{name}]\ncollector_url = \"{url}\"\n")).concat();
    format!(
        "{reporters}\n[dashboard.upstreams]\ncollector = \"{url}\"\n\
         [collector.tls]\ncert = {cert:?}\nkey = {key:?}\n[collector.enrich]\ncountry_file = {file:?}\n",
        cert = certs.join("one.pem"),
        key = certs.join("one.key"),
    )
}

async fn start(folder: &Path, trusts: bool) -> World {
    // The certificates of a private authority: no system trusts them.
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve/tests/certs");
    World::start_on(|base| {
        let file = folder.join("tallylight.toml");
        std::fs::write(&file, config(base, folder, &certs)).unwrap();
        let mut command = Command::new(binary());
        command.args(["up", "--source", "loop", "--viewers", "4", "--config"]).arg(file);
        command.env("SSL_CERT_FILE", certs.join(if trusts { "one.pem" } else { "two.pem" }));
        command
    })
    .await
}

/// Sends a beacon through the dashboard, behind a proxy that saw the viewer; returns its status.
async fn beacon(world: &World) -> u16 {
    let now = WallClock.now_ms();
    let body = format!("cid=\"demo\",e=ps,sid=\"far-away\",sn=0,sta=s,ts={now},v=2");
    let [a, b, c, d] = VIEWER.0;
    let request = reqwest::Client::new().post(format!("{}/v1/cmcd?k=demo", world.dashboard()));
    let request = request.header("content-type", "application/cmcd").body(body);
    let request = request.header("x-forwarded-for", format!("8.8.8.8, {a}.{b}.{c}.{d}"));
    request.send().await.unwrap().status().as_u16()
}

async fn count(world: &World, of: &str) -> u64 {
    let request = reqwest::Client::new().post(format!("{}/v1/sql", world.dashboard()));
    let sql = serde_json::json!({"sql": format!("SELECT count(*) AS n FROM {of}")}).to_string();
    let answer = request.header("content-type", "application/json").body(sql).send().await.unwrap();
    let rows: Value = answer.json().await.unwrap_or_default();
    rows[0]["n"].as_u64().unwrap_or_default()
}

const SERVICES: [&str; 3] = ["origin", "edge", "packager"];

#[tokio::test(flavor = "multi_thread")]
async fn every_reporter_reaches_a_collector_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let world = start(folder.path(), true).await;
    world.wait_for("the collector", 20, async || beacon(&world).await == 204).await;
    for service in SERVICES {
        let of = format!("delivery_events WHERE service = '{service}'");
        world.wait_for(service, 60, async || count(&world, &of).await > 0).await;
    }
    let viewers = "player_events WHERE sid <> 'far-away' AND fate = 'accepted'";
    world.wait_for("viewers", 60, async || count(&world, viewers).await > 0).await;
    let of = format!("player_events WHERE sid = 'far-away' AND country = '{}'", VIEWER.1);
    world.wait_for("the viewer's country", 60, async || count(&world, &of).await > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reporters_refuse_a_collector_with_an_untrusted_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let world = start(folder.path(), false).await;
    world.wait_for_picture().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(beacon(&world).await, 502);
    assert_eq!(count(&world, "delivery_events").await, 0);
    assert_eq!(count(&world, "player_events").await, 0);
}
