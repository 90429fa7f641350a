use std::time::{Duration, Instant};

use super::support::{K, World, arrive, at, header, until, within};
use crate::mp4;

fn path(k: u64) -> String {
    format!("/live/demo/v-360/{k}.m4s")
}

#[tokio::test]
async fn a_segment_that_has_not_begun_is_404_and_one_outside_the_window_410() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), -1).await;
    world.announce().await;
    let early = world.get(&path(K)).await;
    assert_eq!((early.status().as_u16(), header(&early, "cache-control")), (404, "no-store"));
    assert_eq!(header(&early, "content-type"), "application/problem+json");
    // At K·d − 1 ms, K−61 closed 120 s + 1,999 ms ago.
    assert_eq!((world.status(&path(K - 61)).await, world.status(&path(K - 62)).await), (200, 410));
    for nothing in [
        "/live/demo/v-361/1.m4s",
        "/live/other/v-360/1.m4s",
        "/live/demo/v-360/01.m4s",
        "/live/demo",
    ] {
        assert_eq!(world.status(nothing).await, 404, "{nothing}");
    }
}

#[tokio::test]
async fn every_segment_of_the_window_is_there_even_from_before_the_start() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 0).await;
    world.announce().await;
    for track in world.ladder.tracks.clone() {
        for k in K - 60..=K - 2 {
            let answer = world.get(&format!("/live/demo/{}/{k}.m4s", track.name)).await;
            assert_eq!(answer.status(), 200, "{} {k}", track.name);
            assert_eq!(header(&answer, "tallylight-pipeline"), "slate");
            assert_eq!(header(&answer, "cache-control"), "public, max-age=60, immutable");
            let facts = mp4::facts(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!(Some(facts.tfdt), world.ladder.tfdt(&track, k));
            assert_eq!(Some(facts.frames), world.ladder.frames(&track, k));
            assert_eq!(u64::from(facts.sequence), k);
        }
    }
}

#[tokio::test]
async fn a_put_wakes_the_held_within_milliseconds() {
    within(Duration::from_millis(250), wake).await;
}

/// The time from a PUT until all who waited for it have it.
async fn wake() -> Duration {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 500).await;
    world.announce().await;
    let held: Vec<_> =
        (0..20).map(|_| tokio::spawn(world.client.get(world.url(&path(K))).send())).collect();
    arrive().await;
    assert!(held.iter().all(|request| !request.is_finished()));
    world.clock.advance_us(1_600_000);
    let put = Instant::now();
    assert_eq!(world.publish("v-360", K).await, 201);
    for request in held {
        let answer = request.await.unwrap().unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "tallylight-pipeline")), (200, "A"));
        assert_eq!(header(&answer, "tallylight-published-at"), at(2_100).to_string());
        let cmsd =
            format!(r#"at={},br=700,d=2000,ht=1600,n="origin",ot=v,st=l"#, at(2_100) / 1_000);
        assert_eq!(header(&answer, "cmsd-static"), cmsd);
        assert_eq!(header(&answer, "cmsd-dynamic"), r#""origin-A";rd=1600"#);
        assert_eq!(answer.bytes().await.unwrap(), world.segment("v-360", K));
    }
    let took = put.elapsed();
    // HEAD returns the same headers without the body.
    let head = world.client.head(world.url(&path(K))).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), world.segment("v-360", K).len().to_string());
    took
}

#[tokio::test]
async fn the_slate_takes_the_place_at_its_time_and_keeps_it() {
    within(Duration::from_millis(400), slate).await;
}

/// The time from a request shortly before the slate's time until it is answered.
async fn slate() -> Duration {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 3_900).await;
    world.announce().await;
    let asked = Instant::now();
    let held = tokio::spawn(world.client.get(world.url(&path(K))).send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.clock.advance_us(100_000);
    let answer = held.await.unwrap().unwrap();
    let took = asked.elapsed();
    assert_eq!((answer.status().as_u16(), header(&answer, "tallylight-pipeline")), (200, "slate"));
    assert_eq!(header(&answer, "tallylight-published-at"), at(4_000).to_string());
    let refused = world.offer("v-360", K, world.segment("v-360", K), &[]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("problem:late"));
    // Not even a clock that is set back lets it in.
    world.clock.advance_us(-2_000_000);
    assert_eq!(world.publish("v-360", K).await, 409);
    assert_eq!(header(&world.get(&path(K)).await, "tallylight-pipeline"), "slate");
    took
}

#[tokio::test]
async fn without_a_slate_it_is_503_and_soon_200() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 0).await;
    let text = serde_json::to_vec(&world.ladder).unwrap();
    assert_eq!(world.status("/live/demo/ladder.json").await, 503);
    world.put("/live/demo/ladder.json", text).await;
    let answer = world.get(&path(K - 5)).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (503, "1"));
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(world.put("/live/demo/v-360/slate/0.m4s", world.segment("v-360", 1)).await, 201);
    assert_eq!(world.status(&path(K - 5)).await, 200);
}

#[tokio::test]
async fn the_number_of_waiting_requests_is_bounded() {
    let data = tempfile::tempdir().unwrap();
    let world = World::with(data.path(), 500, |settings| settings.max_waiting = 2).await;
    world.announce().await;
    let ask = || tokio::spawn(world.client.get(world.url(&path(K))).send());
    let (first, second) = (ask(), ask());
    arrive().await;
    assert_eq!(world.status(&path(K)).await, 503);
    // A client that disconnects makes room.
    first.abort();
    arrive().await;
    let third = ask();
    arrive().await;
    assert!(!third.is_finished());
    world.publish("v-360", K).await;
    assert_eq!(
        (second.await.unwrap().unwrap().status(), third.await.unwrap().unwrap().status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
}

#[tokio::test]
async fn the_sweep_fixes_segments_that_were_never_requested_and_the_page_shows_it() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 2_050).await;
    world.announce().await;
    world.publish("v-360", K).await;
    world.clock.advance_us(2_000_000);
    world.publish("v-360", K + 1).await;
    let choice = |k: u64| data.path().join(format!("demo/v-270/{k}.json"));
    until("the sweep", async || choice(K).exists()).await;
    // There is at least one more sweep, and older segments are left alone.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let page: crate::origin::SegmentsPage =
        world.get("/live/demo/segments.json").await.json().await.unwrap();
    let row = |track: &str, k: u64| {
        page.segments.iter().find(|row| row.track == track && row.k == k).unwrap()
    };
    let state = |track: &str, k: u64| serde_json::to_value(row(track, k).state).unwrap();
    assert_eq!((state("v-360", K), state("v-360", K + 1)), ("on_time".into(), "on_time".into()));
    assert_eq!((state("v-270", K), state("v-270", K + 1)), ("slate".into(), "pending".into()));
    assert_eq!(
        (state("audio", K - 20), row("audio", K - 20).pipeline.as_deref()),
        ("slate".into(), Some("slate"))
    );
    assert_eq!(page.segments.len(), 30 * 4);
    // It was the sweep that fixed K: its choice is on disk.
    assert!(choice(K).exists() && !choice(K - 20).exists());
}
