//! The forms in which shipped players send, over HTTP: headers, JSON, an event in a query.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use tallylight_schemas::ipc::decode;
use tallylight_schemas::record::Kind;
use world::{NOW, World, parts, post};

/// The stored rows, by request.
async fn stored(world: &World) -> Vec<RecordBatch> {
    let parts = parts(&world.log.entries().await, Kind::Player);
    parts.iter().map(|part| decode(&part.payload).unwrap()).collect()
}

fn cell(batch: &RecordBatch, name: &str, row: usize) -> String {
    let column = batch.column_by_name(name);
    column.map(|column| array_value_to_string(column, row).unwrap()).unwrap_or_default()
}

/// The four headers of request mode, as an edge passes them on, and a query beside them.
fn with_headers(query: &str) -> Request<Body> {
    let request = Request::get(format!("/v1/cmcd?k=demo{query}"))
        .header("CMCD-Object", "br=3200,d=4004,ot=v,tb=6000")
        .header("CMCD-Request", "bl=21300,dl=18500,mtp=48100,nor=\"../3.m4s?t=x\"")
        .header("CMCD-Session", "cid=\"demo\",sf=h,sid=\"from-headers\",st=l")
        .header("CMCD-Status", "bs,rtp=15000");
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_four_headers_are_one_record_and_take_precedence_over_a_query() {
    let world = World::start().await;
    for query in ["", "&CMCD=sid%3D%22from-the-query%22%2Cbr%3D1"] {
        assert_eq!(world.send(with_headers(query)).await.fates()["accepted"], 1, "{query}");
    }
    let rows = stored(&world).await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        for (name, value) in [
            ("mode", "request"),
            ("sid", "from-headers"),
            ("cid", "demo"),
            ("br", "[{v: 3200, ot: }]"),
            ("bl", "[{v: 21300, ot: }]"),
            ("mtp", "[{v: 48100, ot: }]"),
            ("nor", "[../3.m4s]"),
            ("rtp", "15000"),
            ("bs", "true"),
            ("st", "l"),
        ] {
            assert_eq!(cell(row, name, 0), value, "{name}");
        }
    }
}

#[tokio::test]
async fn headers_that_are_not_utf8_are_rejected_and_counted() {
    let world = World::start().await;
    let value = HeaderValue::from_bytes(b"sid=\"\xff\"").unwrap();
    let request = Request::get("/v1/cmcd?k=demo").header("CMCD-Session", value);
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    let answered = (answer.status.as_u16(), answer.header("tallylight-fates"));
    assert_eq!(answered, (204, "rejected;not_utf8=1"));
}

#[tokio::test]
async fn drafts_that_send_json_are_read_and_marked() {
    let world = World::start().await;
    let one = |sn: u64| {
        let ts = NOW / 1_000;
        format!(r#"{{"e":"ps","sid":"a","sn":{sn},"sta":"p","br":[3200],"ts":{ts},"v":2}}"#)
    };
    for (media_type, body, records) in [
        ("application/json", one(1), 1),
        ("application/json", format!("[{},{}]", one(2), one(3)), 2),
        ("application/x-ndjson", format!("{}\n{}\n", one(4), one(5)), 2),
    ] {
        let answer = world.send(post("/v1/cmcd", media_type, body)).await;
        assert_eq!(answer.fates()["accepted"], records, "{media_type}: {answer:?}");
    }
    let rows = stored(&world).await;
    let mut sns = Vec::new();
    for batch in &rows {
        for row in 0..batch.num_rows() {
            sns.push(cell(batch, "sn", row));
            assert_eq!(
                (cell(batch, "br", row), cell(batch, "sta", row)),
                ("[{v: 3200, ot: }]".into(), "p".into())
            );
            assert!(
                cell(batch, "broken", row).contains("draft_body"),
                "{}",
                cell(batch, "broken", row)
            );
        }
    }
    sns.sort();
    assert_eq!(sns, ["1", "2", "3", "4", "5"]);
}

/// Shaka up to 5.1 sends this with its defaults: an event as a GET with a query, in its builds with
/// tokens in quotes.
#[tokio::test]
async fn an_event_in_a_query_is_an_event() {
    for (quote, noted) in [("", false), ("%22", true)] {
        let world = World::start().await;
        let token = |word: &str| format!("{quote}{word}{quote}");
        let (e, sta, ts) = (token("ps"), token("p"), NOW / 1_000);
        let query = format!("e%3D{e}%2Csid%3D%22a%22%2Csn%3D1%2Csta%3D{sta}%2Cts%3D{ts}%2Cv%3D2");
        let request = Request::get(format!("/v1/cmcd?k=demo&CMCD={query}"));
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.fates()["accepted"], 1);
        assert_eq!(answer.header("tallylight-dropped-values"), "");
        let rows = stored(&world).await;
        let columns = ["mode", "e", "sta"].map(|column| cell(&rows[0], column, 0));
        assert_eq!(columns, ["event", "ps", "p"]);
        assert_eq!(cell(&rows[0], "broken", 0).contains("text_for_token"), noted);
    }
}
