//! Enrichment: headers and address supply what a record does not state about its sender.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/mmdb.rs"]
#[allow(unreachable_pub)]
mod mmdb;
#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use axum::body::Body;
use axum::http::Request;
use tallylight_collector::{Settings, enrich};
use tallylight_schemas::ipc::decode;
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use tallylight_serve::Peer;
use tempfile::TempDir;
use world::{World, parts, post};

const VIEWER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

/// A country file with this record, and an ASN file.
fn files(dir: &TempDir, country: Vec<u8>) -> enrich::Settings {
    let network = Ipv4Addr::new(203, 0, 113, 0);
    let write = |name: &str, record: Vec<u8>| -> Option<PathBuf> {
        let path = dir.path().join(name);
        std::fs::write(&path, mmdb::file(name, &[(network, record)])).unwrap();
        Some(path)
    };
    let asn = mmdb::map(&[("autonomous_system_number", mmdb::number(64_500))]);
    enrich::Settings {
        country_file: write("country", country),
        asn_file: write("asn", asn),
        trusted_proxies: ["10.0.0.0/8", "203.0.113.200/32"].map(|net| net.parse().unwrap()).into(),
        ..enrich::Settings::default()
    }
}

fn from(peer: impl Into<IpAddr>, headers: &[(&'static str, &str)], body: &str) -> Request<Body> {
    let mut request = post("/v1/cmcd", "application/cmcd", body.to_owned());
    request.extensions_mut().insert(Peer((peer.into(), 1).into()));
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn headers_and_address_supply_what_the_record_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let country = mmdb::map(&[("country_code", mmdb::text("NZ"))]);
    let world = World::with(Settings { enrich: files(&dir, country), ..Settings::default() }).await;
    let plain = "e=ps,sid=\"a\",sn=0,sta=s,ts=1795000000000,v=2";
    let claims = "com.tallylight-country=\"DE\",com.tallylight-device=\"tv\",\
                  com.tallylight-os=\"Tizen 9\",com.tallylight-player=\"hls.js 1.6\",\
                  e=ps,sid=\"b\",sn=0,sta=s,ts=1795000000000,v=2";
    let empty = "com.tallylight-country=\"\",com.tallylight-device=\"\",com.tallylight-os=\"\",\
                 com.tallylight-player=\"\",e=ps,sid=\"c\",sn=0,sta=s,ts=1795000000000,v=2";
    let safari = [("user-agent", SAFARI)];
    let proxied = [("user-agent", SAFARI), ("x-forwarded-for", "8.8.8.8, 203.0.113.9")];
    let proxy = Ipv4Addr::new(10, 1, 2, 3);
    // This proxy's own address is in the files, too.
    let hidden = Ipv4Addr::new(203, 0, 113, 200);
    for request in [
        from(VIEWER, &safari, plain),
        from(VIEWER, &safari, claims),
        from(VIEWER, &safari, empty),
        from(proxy, &proxied, plain),
        // Not a trusted proxy: what it forwards is not believed.
        from(Ipv4Addr::new(192, 0, 2, 1), &proxied, plain),
        from(Ipv4Addr::LOCALHOST, &[], plain),
        // A trusted proxy that does not name the client.
        from(hidden, &[("forwarded", "for=_hidden")], plain),
    ] {
        world.send(request).await.check();
    }
    let mut enriched = Vec::new();
    for part in parts(&world.log.entries().await, Kind::Player) {
        let batch = decode(&part.payload).unwrap();
        let rows = PlayerRows::new(&batch).unwrap();
        let browser = batch.column_by_name("browser").map(|column| column.as_string::<i32>());
        for at in 0..rows.len() {
            let row = rows.get(at);
            let browser = browser.filter(|b| b.is_valid(at)).map(|b| b.value(at));
            let words = [row.player, browser, row.os, row.device, row.country];
            enriched.push((words.map(|word| word.unwrap_or("-")).join(", "), row.asn));
        }
    }
    let safari = "Safari 17, Safari 17, iOS 17, phone";
    assert_eq!(
        enriched,
        [
            (format!("{safari}, NZ"), Some(64_500)),
            ("hls.js 1.6, Safari 17, Tizen 9, tv, DE".to_owned(), Some(64_500)),
            (format!("{safari}, NZ"), Some(64_500)),
            (format!("{safari}, NZ"), Some(64_500)),
            (format!("{safari}, -"), None),
            ("-, -, -, -, -".to_owned(), None),
            ("-, -, -, -, -".to_owned(), None),
        ]
    );
}

#[tokio::test]
async fn country_codes_of_another_vendor_are_read_and_invalid_ones_ignored() {
    for (record, expected) in [
        (mmdb::map(&[("country", mmdb::map(&[("iso_code", mmdb::text("FI"))]))]), Some("FI")),
        (mmdb::map(&[("country_code", mmdb::text("nowhere"))]), None),
        (mmdb::map(&[("country_code", mmdb::number(7))]), None),
        (mmdb::text("no map"), None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { enrich: files(&dir, record), ..Settings::default() };
        let world = World::with(settings).await;
        let request = from(VIEWER, &[], "e=ps,sid=\"a\",sn=0,sta=s,ts=1795000000000,v=2");
        world.send(request).await.check();
        let stored = parts(&world.log.entries().await, Kind::Player).remove(0);
        let rows = PlayerRows::new(&decode(&stored.payload).unwrap()).unwrap();
        assert_eq!((rows.get(0).country, rows.get(0).asn), (expected, Some(64_500)));
    }
}
