//! Two pipelines send each segment; one copy is served, both are listed.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::support::{K, World, arrive, header, until, within};
use crate::origin::{CopyRow, CopyState, SegmentRow, SegmentsPage};

const B: (&str, &str) = ("Tallylight-Pipeline", "B");
const FROZEN: (&str, &str) = ("Tallylight-Defect", "frozen; it stands still");

async fn offer(world: &World, k: u64, facts: &[(&str, &str)]) -> StatusCode {
    world.offer("v-360", k, world.segment("v-360", k), facts).await.status()
}

async fn page(world: &World) -> SegmentsPage {
    world.get("/live/demo/segments.json?last=3").await.json().await.unwrap()
}

async fn row(world: &World, k: u64) -> SegmentRow {
    let rows = page(world).await.segments.into_iter();
    rows.into_iter().find(|row| row.k == k && row.track == "v-360").unwrap()
}

fn states(row: &SegmentRow) -> Vec<(&str, CopyState)> {
    row.copies.iter().map(|copy| (copy.pipeline.as_str(), copy.state)).collect()
}

async fn served(world: &World, k: u64) -> String {
    header(&world.get(&format!("/live/demo/v-360/{k}.m4s")).await, "tallylight-pipeline").to_owned()
}

/// A world in which both pipelines have sent K − 1, so that both are expected to send K.
async fn world(data: &std::path::Path) -> World {
    let world = World::start(data, 100).await;
    world.announce().await;
    assert_eq!(offer(&world, K - 1, &[]).await, 201);
    assert_eq!(offer(&world, K - 1, &[B]).await, 202);
    world.clock.advance_us(1_940_000);
    world
}

#[tokio::test]
async fn the_preferred_is_served_and_the_others_copy_is_recorded() {
    let data = tempfile::tempdir().unwrap();
    let world = world(data.path()).await;
    let hashes = [("Tallylight-Input-Hash", "00000000000000aa"), B];
    assert_eq!(offer(&world, K, &hashes[..1]).await, 201);
    assert_eq!(offer(&world, K, &hashes).await, 202);
    assert_eq!(served(&world, K).await, "A");
    let row = row(&world, K).await;
    assert_eq!(states(&row), [("A", CopyState::OnTime), ("B", CopyState::OnTime)]);
    assert_eq!(row.copies[1].input_hash.as_deref(), Some("00000000000000aa"));
    assert_eq!(row.copies[1].frames, 50);
    let inputs = page(&world).await.inputs;
    assert_eq!((inputs[0].compared, inputs[0].equal), (1, 1));
    world.stop().await;
    // All of it is still known after a restart.
    let world = World::start(data.path(), 2_100).await;
    assert_eq!(states(&self::row(&world, K).await), states(&row));
}

#[tokio::test]
async fn the_others_copy_waits_its_grace_and_held_requests_are_woken() {
    within(Duration::from_millis(600), grace).await;
}

/// The time from a PUT by B until a request that waited has B's copy.
async fn grace() -> Duration {
    let data = tempfile::tempdir().unwrap();
    let world = world(data.path()).await;
    let ask = world.client.get(world.url(&format!("/live/demo/v-360/{K}.m4s"))).send();
    let held = tokio::spawn(ask);
    arrive().await;
    let (facts, asked) = ([B], Instant::now());
    let put = offer(&world, K, &facts);
    let later = async {
        // Its grace begins when it has arrived.
        let there = async || states(&row(&world, K).await).contains(&("B", CopyState::OnTime));
        until("B's copy", there).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(!held.is_finished(), "A may still come");
        world.clock.advance_us(150_000);
        held.await.unwrap().unwrap()
    };
    let (status, answer) = tokio::join!(put, later);
    assert_eq!((status.as_u16(), header(&answer, "tallylight-pipeline")), (201, "B"));
    let took = asked.elapsed();
    assert_eq!(offer(&world, K, &[]).await, 202);
    assert_eq!(served(&world, K).await, "B");
    took
}

#[tokio::test]
async fn a_frozen_or_unusable_copy_yields_to_the_other_at_once() {
    let data = tempfile::tempdir().unwrap();
    let world = world(data.path()).await;
    // The clock does not advance, so nothing here results from waiting.
    assert_eq!(offer(&world, K, &[FROZEN]).await, 202);
    assert_eq!(offer(&world, K, &[B]).await, 201);
    let row = self::row(&world, K).await;
    assert_eq!(states(&row), [("A", CopyState::Frozen), ("B", CopyState::OnTime)]);
    assert_eq!(row.copies[0].why.as_deref(), Some("it stands still"));

    world.clock.advance_us(2_000_000);
    // Its bytes are another segment's.
    let wrong = world.offer("v-360", K + 1, world.segment("v-360", K), &[]).await;
    assert_eq!(wrong.status(), 422);
    assert_eq!(offer(&world, K + 1, &[B]).await, 201);
    let row = self::row(&world, K + 1).await;
    assert_eq!(states(&row), [("A", CopyState::Defective), ("B", CopyState::OnTime)]);
    assert!(row.copies[0].why.as_ref().is_some_and(|why| why.contains("tfdt")), "{row:?}");
    assert_eq!((served(&world, K).await, served(&world, K + 1).await), ("B".into(), "B".into()));
}

#[tokio::test]
async fn a_frozen_copy_is_better_than_slate() {
    let data = tempfile::tempdir().unwrap();
    let world = world(data.path()).await;
    assert_eq!(offer(&world, K, &[FROZEN]).await, 202);
    // At its due time, since nothing better has arrived.
    world.clock.advance_us(970_000);
    assert_eq!(served(&world, K).await, "A");
    let CopyRow { state, .. } = row(&world, K).await.copies.remove(0);
    assert_eq!(state, CopyState::Frozen);
}

#[tokio::test]
async fn a_masked_pipeline_is_not_served() {
    let data = tempfile::tempdir().unwrap();
    let with_key = |settings: &mut crate::origin::Settings| settings.service_key = Some("s".into());
    let world = World::with(data.path(), 2_040, with_key).await;
    world.announce().await;
    let mask = |method, json: &'static str, key: &'static str, name: &str| {
        let path = format!("/live/demo/masks/{name}");
        let request = world.client.request(method, world.url(&path)).header("content-type", json);
        request.header("authorization", format!("Bearer {key}")).body("{}").send()
    };
    let (put, delete) = (reqwest::Method::PUT, reqwest::Method::DELETE);
    let json = "application/json";
    assert_eq!(mask(put.clone(), "text/plain", "s", "A").await.unwrap().status(), 415);
    assert_eq!(mask(put.clone(), json, "x", "A").await.unwrap().status(), 401);
    assert_eq!(mask(put.clone(), json, "s", "slate").await.unwrap().status(), 404);
    assert_eq!(mask(put, json, "s", "A").await.unwrap().status(), 204);
    assert_eq!(offer(&world, K, &[]).await, 202);
    assert_eq!(offer(&world, K, &[B]).await, 201);
    assert_eq!(
        (served(&world, K).await, page(&world).await.masked),
        ("B".into(), vec!["A".into()])
    );
    world.clock.advance_us(2_000_000);
    assert_eq!(offer(&world, K + 1, &[]).await, 202);
    assert_eq!(mask(delete, json, "s", "A").await.unwrap().status(), 204);
    // The next arrival, and at the latest the slate's time, sees that the mask is off.
    assert_eq!(offer(&world, K + 1, &[]).await, 201);
    assert_eq!(served(&world, K + 1).await, "A");
    assert!(page(&world).await.masked.is_empty());
}

#[tokio::test]
async fn a_copy_with_another_init_segment_is_not_a_candidate() {
    let data = tempfile::tempdir().unwrap();
    let world = world(data.path()).await;
    let right = world.ladder.track("v-360").unwrap().init.clone();
    assert_eq!(offer(&world, K, &[("Tallylight-Init", "init-ffff.mp4")]).await, 422);
    assert_eq!(row(&world, K).await.copies[0].state, CopyState::Defective);
    assert_eq!(offer(&world, K, &[("Tallylight-Init", &right)]).await, 201);
}

#[tokio::test]
async fn the_list_is_as_long_as_requested() {
    let data = tempfile::tempdir().unwrap();
    let world = world(data.path()).await;
    for (last, rows) in [(1, 4), (10, 40)] {
        let page = world.get(&format!("/live/demo/segments.json?last={last}")).await;
        let page: SegmentsPage = page.json().await.unwrap();
        assert_eq!(page.segments.len(), rows);
    }
    assert_eq!(world.status("/live/demo/segments.json?last=0").await, 422);
    assert_eq!(world.status("/live/demo/segments.json?last=x").await, 422);
}
