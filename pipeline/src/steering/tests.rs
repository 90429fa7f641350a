use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use super::pure::share::Routes;
use super::*;
use crate::origin::tests::support::{K, World, at, header};

async fn steering(origin: &World) -> SocketAddr {
    steering_with(origin, Settings::default()).await
}

async fn steering_with(origin: &World, settings: Settings) -> SocketAddr {
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        origin_url: Some(format!("http://{}", origin.addr)),
        ..settings
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
async fn behind_the_dashboard_hls_is_root_relative_and_dash_absolute() {
    let data = tempfile::tempdir().unwrap();
    let origin = World::start(data.path(), 3_000).await;
    origin.announce().await;
    let addr = steering(&origin).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let get = async |path: &str| {
        let request = origin
            .client
            .get(format!("http://{addr}{path}"))
            .header("tallylight-root-relative", "1")
            .header("x-forwarded-host", "tv.example:7700");
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(
        get("/live/demo/audio/index.m3u8")
            .await
            .contains("#EXT-X-MAP:URI=\"/e1/live/demo/audio/init-0a.mp4\"")
    );
    let mpd = get("/live/demo/manifest.mpd?sid=a").await;
    for whole in [
        "<BaseURL serviceLocation=\"e1\">http://tv.example:7700/e1/live/demo/</BaseURL>",
        ">http://tv.example:7700/steering/dash?sid=a</ContentSteering>",
        "value=\"http://tv.example:7700/live/demo/time\"",
    ] {
        assert!(mpd.contains(whole), "{whole} in {mpd}");
    }
    let reload = "\"RELOAD-URI\":\"http://tv.example:7700/steering/dash?sid=a\"";
    assert!(get("/steering/dash?sid=a").await.contains(reload));
    assert!(get("/steering/hls?sid=a").await.contains("\"RELOAD-URI\":\"/steering/hls?sid=a\""));
    assert!(get("/v1/steering").await.contains("\"beacon\":\"/v1/cmcd?k=demo\""));
}

#[tokio::test]
async fn a_session_has_its_addresses_and_its_answer_comes_always() {
    let data = tempfile::tempdir().unwrap();
    let origin = World::start(data.path(), 3_000).await;
    origin.announce().await;
    let addr = steering(&origin).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let base = format!("http://{addr}");
    let client = origin.client.clone();
    let play = async |body: &str| {
        let request = client.post(format!("{base}/v1/play/demo")).body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let (status, session) = play("").await;
    let sid = session["sid"].as_str().unwrap().to_owned();
    assert_eq!((status, session["ttl_s"].as_i64()), (200, Some(5)));
    let part = format!("sid={sid}&token={}", session["token"].as_str().unwrap());
    assert_eq!(session["hls"], format!("{base}/live/demo/master.m3u8?{part}"));
    assert_eq!(play(r#"{"sid": "mine", "player": "x"}"#).await.1["sid"], "mine");
    assert_eq!(play(r#"{"sid": "a b"}"#).await.0, 422);
    assert_eq!(client.post(format!("{base}/v1/play/no")).send().await.unwrap().status(), 404);
    let get = async |url: &str| client.get(url).send().await.unwrap();
    let master = get(session["hls"].as_str().unwrap()).await.text().await.unwrap();
    assert!(master.contains(&format!("SERVER-URI=\"{base}/steering/hls?{part}\"")), "{master}");
    let list = format!("{base}/live/demo/v-360/index.m3u8?pathway=e1-low&sid={sid}");
    assert!(get(&list).await.text().await.unwrap().contains("http://127.0.0.1:7711/live/demo"));
    for query in ["", "?sid=%22&_HLS_pathway=,%22", "?sid=a&_DASH_pathway=%22e9,e1%22&x"] {
        let answer = get(&format!("{base}/steering/dash{query}")).await;
        assert_eq!(answer.status(), 200, "{query}");
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!((&answer["VERSION"], &answer["TTL"]), (&1.into(), &5.into()));
        assert_eq!(answer["PATHWAY-PRIORITY"][0], "e1");
        assert!(answer["RELOAD-URI"].as_str().unwrap().contains("/steering/dash?sid="));
    }
    // Only the last of these requests had a valid sid, and that one was made up.
    let unproven = async || {
        let text = get(&format!("{base}/metrics")).await.text().await.unwrap();
        let line =
            text.lines().find(|line| line.starts_with("tallylight_steering_unproven_total "));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(unproven().await, "1");
    let answer = get(session["steering"]["dash"].as_str().unwrap()).await;
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert!(answer["RELOAD-URI"].as_str().unwrap().ends_with(&part), "{answer}");
    assert_eq!(unproven().await, "1");
}

#[tokio::test]
async fn a_change_is_json_by_somebody_and_of_no_other_site() {
    let data = tempfile::tempdir().unwrap();
    let origin = World::start(data.path(), 3_000).await;
    let addr = steering(&origin).await;
    let url = format!("http://{addr}/v1/steering");
    let post = async |media_type: &str, from: Option<&str>, body: &str| {
        let request = origin.client.post(&url).header("content-type", media_type);
        let request = match from {
            Some(from) => request.header("origin", from),
            None => request,
        };
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    };
    let change = r#"{"mode": "advise", "by": "me"}"#;
    assert_eq!(post("application/json", Some("http://evil.example"), change).await, 403);
    assert_eq!(post("text/plain", None, change).await, 415);
    for page in ["steering", "actions", "incidents"] {
        let url = format!("http://{addr}/v1/{page}");
        let read = async |name: &str, value: &str| {
            let request = origin.client.get(&url).header(name, value);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(read("origin", "http://evil.example").await, 403, "{page}");
        assert_eq!(read("host", "evil.example").await, 403, "{page}: a name of somebody else's");
        assert_eq!(read("origin", &format!("http://{addr}")).await, 200, "{page}");
    }
    assert_eq!(post("application/json", None, r#"{"mode": "x", "by": "me"}"#).await, 422);
    let by = |name: &str| format!(r#"{{"mode": "act", "by": "{name}"}}"#);
    // Names are counted in characters, as the pages count them.
    for (name, status) in [
        ("steering".to_owned(), 422),
        ("Ж".repeat(40), 200),
        ("x".repeat(64), 200),
        ("x".repeat(65), 422),
        ("字".repeat(43), 422),
    ] {
        assert_eq!(post("application/json", None, &by(&name)).await, status, "{name}");
    }
    assert_eq!(post("application/json", Some(&format!("http://{addr}")), change).await, 200);
    let page = origin.client.get(&url).send().await.unwrap();
    let page: serde_json::Value = page.json().await.unwrap();
    assert_eq!(
        (&page["mode"], &page["actions"][0]["kind"]),
        (&"advise".into(), &"set_mode".into())
    );
    let id = page["actions"][0]["id"].as_str().unwrap().to_owned();
    let undo = origin.client.post(format!("http://{addr}/v1/actions/{id}"));
    let undo = undo.header("content-type", "application/json");
    let undone = undo.body(r#"{"do": "undo", "by": "me"}"#).send().await.unwrap();
    assert_eq!(undone.json::<serde_json::Value>().await.unwrap()["state"], "undone");
    let page = origin.client.get(&url).send().await.unwrap();
    assert_eq!(page.json::<serde_json::Value>().await.unwrap()["mode"], "act");
}

#[tokio::test]
async fn while_no_dashboard_comes_each_player_stays_on_the_pathway_that_it_reports() {
    let data = tempfile::tempdir().unwrap();
    let origin = World::start(data.path(), 3_000).await;
    // No service has this port.
    let nobody = || "http://127.0.0.1:9".to_owned();
    let edge = |name: &str| EdgeSettings {
        name: name.to_owned(),
        url: nobody(),
        path: format!("/{name}"),
        capacity_kbps: 200_000,
        probe_url: None,
    };
    let edges = vec![edge("e1"), edge("e2")];
    let settings = Settings { edges, feed_url: Some(nobody()), ..Settings::default() };
    let addr = steering_with(&origin, settings).await;
    let routes = Routes::new(["e1", "e2"].map(|name| (name.to_owned(), 200_000)));
    let mut sids = (0..100).map(|n| format!("viewer-{n}"));
    let sid = sids.find(|sid| routes.home(sid) == "e1").unwrap();
    let first = async |used: &str| {
        let url = format!("http://{addr}/steering/hls?sid={sid}{used}");
        let answer = origin.client.get(url).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        answer["PATHWAY-PRIORITY"][0].clone()
    };
    // Longer than steering waits for the log before it decides anything.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!((first("&_HLS_pathway=e2").await, first("").await), ("e2".into(), "e1".into()));
}
