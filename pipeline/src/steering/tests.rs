use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::origin::tests::support::{K, World, at, header};

async fn steering(origin: &World) -> SocketAddr {
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        origin_url: format!("http://{}", origin.addr),
        ..Settings::default()
    };
    let service = build(settings, Parts { clock: origin.clock.clone() }).await.unwrap();
    let addr = service.addr();
    tokio::spawn(service.run(CancellationToken::new()));
    addr
}

#[tokio::test]
async fn manifests_come_with_the_ladder_and_stay_without_the_origin() {
    let data = tempfile::tempdir().unwrap();
    let origin = World::start(data.path(), 3_000).await;
    let addr = steering(&origin).await;
    let client = origin.client.clone();
    let get = async |path: &str| client.get(format!("http://{addr}{path}")).send().await.unwrap();
    let early = get("/live/demo/master.m3u8").await;
    assert_eq!((early.status().as_u16(), header(&early, "retry-after")), (503, "1"));
    assert_eq!(get("/readyz").await.status(), 503);
    assert_eq!(get("/live/nothing/master.m3u8").await.status(), 404);

    origin.announce().await;
    for _ in 0..100 {
        if get("/readyz").await.status() == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = get("/live/demo/segments.json").await;
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "application/json"));
    origin.stop().await;

    let master = get("/live/demo/master.m3u8").await;
    assert_eq!(header(&master, "content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(
        (header(&master, "cache-control"), header(&master, "access-control-allow-origin")),
        ("no-store", "*")
    );
    assert!(master.text().await.unwrap().contains("v-270/index.m3u8"));
    let list = get("/live/demo/v-360/index.m3u8").await.text().await.unwrap();
    assert!(list.ends_with(&format!("http://127.0.0.1:7711/live/demo/v-360/{K}.m4s\n")), "{list}");
    assert_eq!(get("/live/demo/v-361/index.m3u8").await.status(), 404);
    assert_eq!(
        get("/live/demo/time").await.text().await.unwrap(),
        crate::manifest::iso_ms(at(3_000))
    );
    assert_eq!(get("/live/demo/segments.json").await.status(), 502);
}

#[tokio::test]
async fn behind_the_dashboard_addresses_are_root_relative() {
    let data = tempfile::tempdir().unwrap();
    let origin = World::start(data.path(), 3_000).await;
    origin.announce().await;
    let addr = steering(&origin).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let get = async |path: &str| {
        let request = origin
            .client
            .get(format!("http://{addr}{path}"))
            .header("tallylight-root-relative", "1");
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(
        get("/live/demo/audio/index.m3u8")
            .await
            .contains("#EXT-X-MAP:URI=\"/e1/live/demo/audio/init-0a.mp4\"")
    );
    let mpd = get("/live/demo/manifest.mpd").await;
    assert!(
        mpd.contains("<BaseURL serviceLocation=\"e1\">/e1/live/demo/</BaseURL>")
            && mpd.contains("value=\"/live/demo/time\""),
        "{mpd}"
    );
}
