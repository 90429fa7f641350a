//! SQL over HTTP: formats, guards, errors, and a caller that disconnects.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tallylight_dashboard::Settings;
use tallylight_schemas::tables::Table;
use tallylight_store::history::{History, Unwritten, Writers};

use crate::support::{BUSY, World, settings, world, world_over};

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000) a, \
                       generate_series(1, 1000000000) b";

async fn post(world: &World, sql: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = reqwest::Client::new()
        .post(world.url("/v1/sql"))
        .header("content-type", "application/json")
        .body(json!({ "sql": sql }).to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn each_format_has_its_media_type() {
    let world = world(settings()).await;
    for (accept, kind, start) in [
        ("*/*", "application/json", "[{"),
        ("text/csv", "text/csv", "name\r\n"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet", "PAR1"),
        (
            "text/html, application/vnd.apache.arrow.stream;q=0.9",
            "application/vnd.apache.arrow.stream",
            "\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
        ),
    ] {
        let answer = post(&world, "SELECT name FROM metrics", &[("accept", accept)]).await;
        assert_eq!(answer.status(), 200, "{accept}");
        assert_eq!(answer.headers()["content-type"], kind);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(!answer.headers().contains_key("tallylight-truncated"));
        let body = answer.bytes().await.unwrap();
        assert!(String::from_utf8_lossy(&body).starts_with(start), "{accept}: {body:?}");
    }
    let many = post(&world, "SELECT * FROM generate_series(1, 200000)", &[]).await;
    assert_eq!(many.headers()["tallylight-truncated"], "rows=100000");
}

/// Processors in other processes, which answer for table `sessions` only.
#[derive(Debug)]
struct Away;

#[async_trait]
impl Writers for Away {
    async fn unwritten(&self, table: Table) -> Result<Vec<Unwritten>, String> {
        match table {
            Table::Sessions => Ok(Vec::new()),
            _ => Err("no processor answers for shard 1".to_owned()),
        }
    }
}

#[tokio::test]
async fn an_answer_from_files_alone_names_the_tables() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open_read_only(dir.path()).await.unwrap().beside(Arc::new(Away));
    let world = world_over(settings(), Some(history)).await;
    for (sql, tables) in [
        ("SELECT count(*) FROM sessions, metrics", None),
        ("SELECT 1", None),
        ("SELECT count(*) FROM session_spans JOIN sessions USING (sid)", Some("session_spans")),
        ("SELECT * FROM segments", Some("delivery_events")),
    ] {
        let answer = post(&world, sql, &[]).await;
        assert_eq!(answer.status(), 200, "{sql}");
        let got = answer.headers().get("tallylight-files-alone");
        let got = got.map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(got, tables.map(|tables| format!("tables={tables}")), "{sql}");
    }
}

#[tokio::test]
async fn errors_say_what_where_and_what_to_do() {
    let world = world(settings()).await;
    for (sql, status, slug, says) in [
        ("SELECT nam FROM metrics", 400, "sql", "line 1, column 8: there is no column"),
        ("DROP TABLE metrics", 403, "sql-not-allowed", "DROP is not allowed"),
        ("SELECT repeat('x', 1000000)", 422, "sql-limit", "are allowed"),
        ("SELECT NULL::BIGINT[100000][2147483647]", 422, "sql-limit", "write [] instead of [2147"),
        ("SELECT a.sid, b.sid FROM live_sessions a, live_sessions b", 400, "sql", "called `sid`"),
    ] {
        let answer = post(&world, sql, &[]).await;
        assert_eq!(answer.status(), status, "{sql}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], format!("urn:tallylight:problem:{slug}"));
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
}

#[tokio::test]
async fn only_json_from_this_origin_is_accepted() {
    let world = world(settings()).await;
    let client = reqwest::Client::new();
    let to = world.url("/v1/sql");
    let body = json!({ "sql": "SELECT 1" }).to_string();
    let form = client.post(&to).header("content-type", "text/plain").body(body.clone());
    assert_eq!(form.send().await.unwrap().status(), 415);
    let bad = client.post(&to).header("content-type", "application/json").body("{\"q\": 1}");
    assert_eq!(bad.send().await.unwrap().status(), 400);
    let far = post(&world, "SELECT 1", &[("origin", "http://evil.example")]).await;
    assert_eq!(far.status(), 403);
    let large = format!("{{\"sql\": \"{}\"}}", " ".repeat(6 << 20));
    let large = client.post(&to).header("content-type", "application/json").body(large);
    for (answer, status, slug) in [
        (large.send().await.unwrap(), 413, "body-too-large"),
        (client.get(&to).send().await.unwrap(), 405, "method-not-allowed"),
    ] {
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], format!("urn:tallylight:problem:{slug}"), "{problem}");
    }
}

#[tokio::test]
async fn tables_are_listed_with_their_columns() {
    let world = world(settings()).await;
    let tables: Vec<Value> = world.get("/v1/sql/tables").await.json().await.unwrap();
    for table in &tables {
        assert!(!table["about"].as_str().unwrap().is_empty(), "{table}");
        for column in table["columns"].as_array().unwrap() {
            assert!(!column["about"].as_str().unwrap().is_empty(), "{table}: {column}");
        }
        let sql = format!("SELECT * FROM {} LIMIT 1", table["name"].as_str().unwrap());
        assert_eq!(post(&world, &sql, &[]).await.status(), 200, "{sql}");
    }
    let definitions: Value = world.get("/v1/metrics").await.json().await.unwrap();
    let ratio = definitions["metrics"].as_array().unwrap();
    let ratio = ratio.iter().find(|metric| metric["name"] == "failures_pct").unwrap();
    assert_eq!(ratio["sql"], "100.0 * SUM(failures) / NULLIF(SUM(starts), 0)");
}

#[tokio::test]
async fn the_questions_of_the_documentation_have_answers() {
    let world = world(settings()).await;
    let text = include_str!("../../../docs/sql.md");
    let questions: Vec<&str> =
        text.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(questions.len(), 15);
    for sql in questions {
        let answer = post(&world, sql, &[]).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{sql}\n{text}");
    }
}

#[tokio::test]
async fn sessions_in_memory_are_a_table() {
    let world = world(settings()).await;
    let sql = "SELECT sid, started_at, outcome, final FROM live_sessions ORDER BY sid";
    let rows: Vec<Value> = post(&world, sql, &[]).await.json().await.unwrap();
    assert_eq!(rows.len(), 2);
    let first = json!({"sid": "a", "started_at": "2023-11-14T22:13:20.000000Z",
                       "outcome": "playing", "final": false});
    assert_eq!(rows[0], first);
    for (sql, said) in [
        ("SELECT count(*) AS n FROM live_sessions", json!({"n": 2})),
        (
            "SELECT state, country, count(*) AS n FROM live_sessions GROUP BY state, country",
            json!({"state": "s", "country": null, "n": 2}),
        ),
        (
            "SELECT a.sid AS one, b.sid AS other FROM live_sessions a, live_sessions b \
             WHERE a.sid < b.sid",
            json!({"one": "a", "other": "b"}),
        ),
    ] {
        let rows: Vec<Value> = post(&world, sql, &[]).await.json().await.unwrap();
        assert_eq!(rows, [said], "{sql}");
    }
    let busy = post(&world, &format!("SELECT {BUSY} FROM live_sessions"), &[]).await;
    assert_eq!(busy.status(), 503);
    let problem: Value = busy.json().await.unwrap();
    assert_eq!(problem["type"], "urn:tallylight:problem:sql-unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("its worker is replaying"), "{problem}");
}

#[tokio::test]
async fn a_caller_that_disconnects_ends_its_query() {
    let mut settings: Settings = settings();
    settings.sql.concurrent = 1;
    let world = world(settings).await;
    let running = tokio::time::timeout(Duration::from_millis(500), post(&world, ENDLESS, &[]));
    assert!(running.await.is_err(), "it runs until its caller disconnects");
    let freed = async {
        while post(&world, "SELECT 1", &[]).await.status() == 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), freed).await.expect("its permit is released");
}
