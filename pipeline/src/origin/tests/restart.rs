use super::support::{K, World, header, until};
use crate::mp4::sample;

#[tokio::test]
async fn a_restart_serves_the_same_segments_with_the_same_choice() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 1_990).await;
    world.announce().await;
    world.publish("v-360", K).await;
    world.publish("v-270", K - 1).await;
    let path = |track: &str, k: u64| format!("/live/demo/{track}/{k}.m4s");
    let asked =
        [path("v-360", K), path("v-270", K - 1), path("v-360", K - 2), path("audio", K - 9)];
    let mut before = Vec::new();
    for path in &asked {
        let answer = world.get(path).await;
        let (pipeline, at) = (
            header(&answer, "tallylight-pipeline").to_owned(),
            header(&answer, "tallylight-published-at").to_owned(),
        );
        before.push((pipeline, at, answer.bytes().await.unwrap()));
    }
    assert_eq!(
        before.iter().map(|b| b.0.as_str()).collect::<Vec<_>>(),
        ["A", "A", "slate", "slate"]
    );
    world.stop().await;

    let world = World::start(data.path(), 6_000).await;
    assert_eq!(world.get("/live/demo/ladder.json").await.status(), 200);
    // The encoder is back with a slate that looks different: it is for later segments.
    let other = sample::segment(&sample::Shape {
        tfdt: 5,
        frames: 50,
        step: 100,
        tfdt64: true,
        per_sample: true,
        prft: true,
    });
    assert_eq!(world.put("/live/demo/v-360/slate/0.m4s", other).await, 201);
    for (path, (pipeline, at, body)) in asked.iter().zip(before) {
        let answer = world.get(path).await;
        assert_eq!(header(&answer, "tallylight-pipeline"), pipeline);
        assert_eq!(header(&answer, "tallylight-published-at"), at);
        assert_eq!(answer.bytes().await.unwrap(), body, "{path}");
    }
    // What was fixed as slate before the restart cannot be put after it.
    world.clock.advance_us(-5_000_000);
    assert_eq!(world.publish("v-360", K - 2).await, 409);
}

#[tokio::test]
async fn the_newest_slate_is_in_use_and_unneeded_old_ones_are_removed() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 0).await;
    world.announce().await;
    let slates = || {
        let names = std::fs::read_dir(data.path().join("demo/v-360")).unwrap();
        names
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("slate"))
            .count()
    };
    for k in 1..4 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        world.put("/live/demo/v-360/slate/0.m4s", world.segment("v-360", k)).await;
        // Binds the second of the three.
        assert!(k != 2 || world.status(&format!("/live/demo/v-360/{}.m4s", K - 9)).await == 200);
    }
    let newest = world.segment("v-360", 3);
    assert_eq!(slates(), 4);
    world.stop().await;
    let world = World::start(data.path(), 100).await;
    assert_eq!(slates(), 2);
    let slate = world.get("/live/demo/v-360/slate/0.m4s").await.bytes().await.unwrap();
    assert_eq!(slate, newest);
}

#[tokio::test]
async fn segments_that_left_the_window_leave_the_disk() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 2_040).await;
    world.announce().await;
    world.publish("v-360", K).await;
    let file = data.path().join(format!("demo/v-360/{K}.m4s"));
    assert!(file.exists());
    world.clock.advance_us(130_000_000);
    until("a removed file", async || !file.exists()).await;
    world.stop().await;

    // A body without its choice was never served and is removed; so is a damaged one.
    let orphan = data.path().join("demo/v-360/897500070.m4s");
    std::fs::write(&orphan, b"half").unwrap();
    let world = World::start(data.path(), 142_040).await;
    assert!(!orphan.exists());
    world.publish("v-360", K + 70).await;
    world.stop().await;
    std::fs::write(&orphan, b"damaged").unwrap();
    let world = World::start(data.path(), 146_040).await;
    assert_eq!(
        header(&world.get("/live/demo/v-360/897500070.m4s").await, "tallylight-pipeline"),
        "slate"
    );
}

#[tokio::test]
async fn unneeded_init_segments_make_room_for_others() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 0).await;
    world.announce().await;
    let path = |n: u32| format!("/live/demo/v-360/init-{n:04}.mp4");
    let file = |n: u32| data.path().join(format!("demo/v-360/init-{n:04}.mp4"));
    for n in 1..16 {
        assert_eq!(world.put(&path(n), sample::init(0)).await, 201, "{n}");
    }
    assert_eq!(world.put(&path(16), sample::init(0)).await, 507);
    world.clock.advance_us(100_000_000);
    assert_eq!(world.put(&path(2), sample::init(0)).await, 204);
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(world.status(&path(1)).await, 200, "segments of its time are in the window");
    world.clock.advance_us(30_000_000);
    let gone = async || world.status(&path(1)).await == 404 && !file(1).exists();
    until("an init that is gone", gone).await;
    assert_eq!(world.status(&path(2)).await, 200, "it came again");
    assert_eq!(world.put(&path(16), sample::init(0)).await, 201);
    let named = (world.status(&path(360)).await, file(360).exists());
    assert_eq!(named, (200, true), "the ladder names it");
    world.stop().await;

    // An init segment found at a restart is kept as long as if it had arrived then.
    let world = World::start(data.path(), 131_000).await;
    assert_eq!(world.status(&path(16)).await, 200);
    assert_eq!(world.get("/live/demo/ladder.json").await.status(), 200);
    world.clock.advance_us(130_000_000);
    let gone = async || world.status(&path(16)).await == 404 && !file(16).exists();
    until("an init that is gone, again", gone).await;
    assert_eq!(world.get("/live/demo/ladder.json").await.status(), 200);
}

#[tokio::test]
async fn a_damaged_init_segment_gives_way_to_the_right_one() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 0).await;
    world.announce().await;
    let name = world.ladder.track("v-360").unwrap().init.clone();
    let file = data.path().join("demo/v-360").join(&name);
    let path = format!("/live/demo/v-360/{name}");
    world.stop().await;
    let whole = sample::init(0);
    for (left, taken) in [(0, 201_u16), (whole.len() / 2, 204), (whole.len() - 1, 204)] {
        std::fs::write(&file, &whole[..left]).unwrap();
        let world = World::start(data.path(), 100).await;
        assert_eq!((world.status(&path).await, file.exists()), (404, false), "{left} bytes");
        assert_eq!(world.publish("v-360", K - 1).await, 412, "so the packager sends it again");
        assert_eq!(world.put(&path, whole.clone()).await, 201, "{left} bytes");
        assert_eq!(world.publish("v-360", K - 1).await, taken, "{left} bytes");
        assert_eq!(world.get("/live/demo/ladder.json").await.status(), 200);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_damaged_slate_is_asked_for_with_the_next_segment() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(data.path(), 0).await;
    world.announce().await;
    world.stop().await;
    for entry in std::fs::read_dir(data.path().join("demo/v-360")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|kind| kind == "m4s") {
            std::fs::write(&file, b"damaged").unwrap();
        }
    }
    let world = World::start(data.path(), 100).await;
    assert_eq!(world.publish("v-360", K - 1).await, 412);
    assert_eq!(world.publish("audio", K - 1).await, 201, "its own is there");
    assert_eq!(world.put("/live/demo/v-360/slate/0.m4s", world.segment("v-360", 0)).await, 201);
    assert_eq!(world.publish("v-360", K - 1).await, 201);
}
