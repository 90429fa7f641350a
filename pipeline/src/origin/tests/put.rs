use super::support::{K, World, until};
use crate::mp4::sample;

#[tokio::test]
async fn a_segment_is_taken_once_and_repeats_do_no_harm() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 2_040).await;
    assert_eq!(world.publish("v-360", K).await, 412);
    world.announce().await;
    assert_eq!(
        (world.publish("v-360", K).await, world.publish("v-360", K).await),
        (201.try_into().unwrap(), 204.try_into().unwrap())
    );
    let other =
        world.offer("v-360", K, world.segment("v-360", K), &[("Tallylight-Pipeline", "B")]).await;
    assert_eq!(other.status(), 202);
    assert_eq!(
        (world.publish("audio", K).await, world.publish("v-180", K + 1).await),
        (201.try_into().unwrap(), 201.try_into().unwrap())
    );
    // Not begun, past its slate time, outside the window.
    assert_eq!(world.publish("v-360", K + 2).await, 422);
    assert_eq!(world.publish("v-360", K - 2).await, 409);
    assert_eq!(world.publish("v-360", K - 70).await, 410);
}

#[tokio::test]
async fn false_claims_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 2_040).await;
    world.announce().await;
    let names = ["Pipeline", "Frames", "Duration", "Timescale", "Tfdt", "Hash", "Published-At"]
        .map(|n| format!("Tallylight-{n}"));
    for name in &names {
        let missing = world.offer("v-360", K, world.segment("v-360", K), &[(name, "")]).await;
        let unreadable = world.offer("v-360", K, world.segment("v-360", K), &[(name, "~")]).await;
        assert_eq!(
            (missing.status(), unreadable.status()),
            (400.try_into().unwrap(), 400.try_into().unwrap()),
            "{name}"
        );
    }
    for name in &names[1..6] {
        let wrong = world.offer("v-360", K, world.segment("v-360", K), &[(name, "7")]).await;
        assert_eq!(wrong.status(), 422, "{name}");
        assert!(wrong.text().await.unwrap().contains(name.as_str()));
    }
    let slate = world
        .offer("v-360", K, world.segment("v-360", K), &[("Tallylight-Pipeline", "slate")])
        .await;
    assert_eq!(slate.status(), 400);
}

#[tokio::test]
async fn bytes_that_are_not_the_segment_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 2_040).await;
    world.announce().await;
    let right = world.segment("v-360", K);
    let facts = |wrong: u64| [("Tallylight-Tfdt", wrong)];
    // Another K's bytes with its own, consistent facts: the schedule refuses them.
    for (k, [(name, tfdt)]) in [(K - 1, facts((K - 1) * 5_000)), (K + 1, facts((K + 1) * 5_000))] {
        let answer =
            world.offer("v-360", K, world.segment("v-360", k), &[(name, &tfdt.to_string())]).await;
        assert_eq!(answer.status(), 422);
    }
    for cut in (0..right.len()).step_by(7) {
        assert_eq!(
            world.offer("v-360", K, right[..cut].to_vec(), &[]).await.status(),
            422,
            "cut at {cut}"
        );
    }
    // Flipped anywhere: either a fact no longer holds, or the bytes are refused. Sample data
    // may hold anything, so only the boxes count, and a box type we ignore may be renamed.
    let data_from = right.len() - 150;
    let unread = |at: usize| {
        at < 24 || right[at.saturating_sub(16)..].starts_with(b"mfhd") || at >= data_from
    };
    for at in (0..data_from).filter(|at| !unread(*at)) {
        let mut bytes = right.clone();
        bytes[at] ^= 0x20;
        let hash = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&right));
        assert_eq!(
            world.offer("v-360", K, bytes, &[("Tallylight-Hash", &hash)]).await.status(),
            422,
            "byte {at}"
        );
    }
    assert_eq!(world.publish("v-360", K).await, 201);
}

#[tokio::test]
async fn large_bodies_bad_inits_and_other_ladders_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let world = World::with(data.path(), 2_040, |settings| settings.body_limit_bytes = 4_096).await;
    world.announce().await;
    assert_eq!(world.put(&format!("/live/demo/v-360/{K}.m4s"), vec![0; 5_000]).await, 413);
    assert_eq!(world.put("/live/demo/v-360/init-0.mp4", b"nonsense".to_vec()).await, 422);
    assert_eq!(world.put("/live/demo/v-360/init-0360.mp4", sample::init(0)).await, 204);
    assert_eq!(world.put("/live/demo/v-360/init-0360.mp4", sample::init(9)).await, 409);
    assert_eq!(world.put("/live/demo/audio/slate/94.m4s", world.segment("v-360", K)).await, 422);
    assert_eq!(world.put("/live/demo/ladder.json", b"{}".to_vec()).await, 422);
    assert_eq!(
        world.put("/live/other/ladder.json", serde_json::to_vec(&world.ladder).unwrap()).await,
        422
    );

    let mut ladder = world.ladder.clone();
    ladder.tracks[0].bandwidth += 1;
    assert_eq!(
        world.put("/live/demo/ladder.json", serde_json::to_vec(&ladder).unwrap()).await,
        201
    );
    assert_eq!(world.publish("v-180", K).await, 201);
    ladder.tracks[0].init = "init-ff.mp4".into();
    let text = serde_json::to_vec(&ladder).unwrap();
    assert_eq!(world.put("/live/demo/ladder.json", text.clone()).await, 409);
    world.clock.advance_us(130_000_000);
    // Once the sweep has dropped what the window does not have any more.
    let is_taken = async || world.put("/live/demo/ladder.json", text.clone()).await == 201;
    until("another ladder", is_taken).await;
}

#[tokio::test]
async fn pipelines_are_bounded_for_each_segment_and_those_of_the_settings_have_a_place() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 2_040).await;
    world.announce().await;
    assert_eq!(world.publish("v-360", K).await, 201);
    let put = async |k: u64, pipeline: &str| {
        let facts = [("Tallylight-Pipeline", pipeline), ("Tallylight-Defect", "frozen")];
        world.offer("v-360", k, world.segment("v-360", k), &facts).await
    };
    // One segment is fixed, the other is open.
    for k in [K, K + 1] {
        for n in 0..16 {
            assert_eq!(put(k, &format!("P{n}")).await.status(), 202, "{k} {n}");
        }
        let refused = put(k, "P16").await;
        assert_eq!(refused.status(), 507, "{k}");
        let said = refused.text().await.unwrap();
        assert!(said.contains("problem:too-many") && said.contains("`pipelines`"), "{said}");
        for known in ["P3", "B"] {
            assert_eq!(put(k, known).await.status(), 202, "{k} {known}");
        }
    }
    assert_eq!(world.publish("v-360", K + 1).await, 201);
    assert_eq!(world.publish("audio", K).await, 201);
    let page = world.get("/live/demo/segments.json").await;
    let page: crate::origin::SegmentsPage = page.json().await.unwrap();
    let row = page.segments.iter().find(|row| (row.track.as_str(), row.k) == ("v-360", K));
    assert_eq!(row.map(|row| row.copies.len()), Some(18));
    let metrics = world.get("/metrics").await.text().await.unwrap();
    let counted = r#"tallylight_origin_requests_total{method="PUT",status="507"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn streams_and_bytes_are_bounded() {
    let data = tempfile::tempdir().unwrap();
    let world = World::with(data.path(), 2_040, |settings| {
        settings.max_streams = 1;
        settings.body_limit_bytes = 700;
        settings.store_limit_bytes = 700;
    })
    .await;
    world.announce().await;
    assert_eq!(world.put("/live/other/v/init-0.mp4", sample::init(0)).await, 507);
    let mut answers = Vec::new();
    for track in ["v-360", "v-270", "v-180"] {
        answers.push(world.publish(track, K).await.as_u16());
    }
    assert_eq!(answers[0], 201);
    assert_eq!(answers[2], 507);
    let metrics = world.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains(r#"tallylight_origin_requests_total{method="PUT",status="507"}"#),
        "{metrics}"
    );
}
