//! The collector answers as its OpenAPI document says: schemathesis reads the document and sends
//! valid and invalid requests. No answer is a 5xx, or of a status or type that is not documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::path::Path;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{HeaderName, Method, Request};
use serde_json::Value;
use tallylight_collector::Settings;
use tallylight_collector::settings::Tenant;
use tallylight_schemas::cmcd::{Key, Unit};
use world::World;

async fn get(world: &World, path: &str) -> Value {
    let answer = world.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn every_documented_path_exists_with_its_methods() {
    let world = World::start().await;
    let document = get(&world, "/v1/openapi.json").await;
    assert_eq!(
        document["components"]["schemas"]["Event"],
        get(&world, "/v1/events/schema.json").await
    );
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in [Method::GET, Method::POST] {
            let documented = operations.get(method.as_str().to_lowercase()).is_some();
            let request = Request::builder().method(method.clone()).uri(format!("{path}?k=demo"));
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status != 405, documented, "{method} {path}: {answer:?}");
            assert_ne!(answer.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn every_accepted_media_type_is_documented() {
    let world = World::start().await;
    let document = get(&world, "/v1/openapi.json").await;
    let lines = ["application/x-ndjson", "application/ndjson", "application/jsonl"];
    let cmcd = ["application/cmcd", "text/cmcd", "text/plain", "application/json"];
    let events = ["application/json", "text/plain", "application/vnd.apache.arrow.stream"];
    for (path, media_types) in [
        ("/v1/cmcd", [cmcd.as_slice(), &lines].concat()),
        ("/v1/events", [events.as_slice(), &lines].concat()),
    ] {
        let content = &document["paths"][path]["post"]["requestBody"]["content"];
        let mut documented: Vec<&str> =
            content.as_object().unwrap().keys().map(String::as_str).collect();
        documented.sort_unstable();
        for media_type in &documented {
            let answer = world.post(path, media_type, "{}").await;
            assert_ne!(answer.status, 415, "{path} {media_type}: {answer:?}");
        }
        let mut media_types = media_types;
        media_types.sort_unstable();
        assert_eq!(documented, media_types, "{path}");
    }
}

#[tokio::test]
async fn one_event_is_accepted_as_documented() {
    let world = World::start().await;
    let document = get(&world, "/v1/openapi.json").await;
    let content = &document["paths"]["/v1/events"]["post"]["requestBody"]["content"];
    let schemas = content["application/json"]["schema"]["oneOf"].as_array().unwrap();
    let one = &schemas[0];
    assert_eq!(one["$ref"], "#/components/schemas/Event");
    assert_eq!((&schemas[1]["type"], &schemas[1]["items"]), (&Value::from("array"), one));
    let event = r#"{"type":"player","sid":"a","e":"t","ts":1795000000000}"#;
    let answer = world.post("/v1/events", "application/json", event).await;
    assert_eq!((answer.status.as_u16(), answer.header("tallylight-fates")), (204, "accepted=1"));
}

#[tokio::test]
async fn every_bitrate_and_time_of_an_event_names_its_unit() {
    let world = World::start().await;
    let schema = get(&world, "/v1/events/schema.json").await;
    let names = |event: usize, name: &str, unit: &str| {
        let about = schema["oneOf"][event]["properties"][name]["description"].as_str().unwrap();
        assert!(about.contains(unit), "{name}: {about}");
    };
    for key in Key::ALL {
        let unit = match key.unit() {
            Unit::Kbps => " kbps",
            Unit::Ms | Unit::SignedMs | Unit::Time => " ms",
            Unit::Count | Unit::Chars(_) | Unit::Plain => "",
        };
        names(0, key.name(), unit);
    }
    for (name, unit) in [("ts", " Unix µs"), ("late_us", " µs"), ("capacity_kbps", " kbps")] {
        names(1, name, unit);
    }
}

#[tokio::test]
async fn an_address_or_headers_that_are_too_long_are_documented_everywhere() {
    let world = World::start().await;
    let document = get(&world, "/v1/openapi.json").await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for status in ["414", "431"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn what_an_answer_says_in_headers_is_documented() {
    let quota = Tenant { records_per_s: Some(1), ..Tenant::default() };
    let tenants = [("demo".to_owned(), quota)].into();
    let world = World::with(Settings { tenants, ..Settings::default() }).await;
    let document = get(&world, "/v1/openapi.json").await;
    let events = [r#"{"type":"player","sid":"a","e":"t","ts":1795000000000}"#; 20].join("\n");
    let refused = vec!["retry-after", "tallylight-fates", "tallylight-pace"];
    // The second request of events meets a quota that the first has spent.
    for (path, body, status, expected) in [
        ("/v1/metrics", "{}", "200", vec!["tallylight-fates"]),
        ("/v1/events", events.as_str(), "204", vec!["tallylight-fates"]),
        ("/v1/events", events.as_str(), "429", refused),
    ] {
        let answer = world.post(path, "application/json", body.to_owned()).await;
        assert_eq!(answer.status.as_str(), status, "{path}: {answer:?}");
        let ours = |name: &&str| name.starts_with("tallylight-") || *name == "retry-after";
        let mut sent: Vec<&str> =
            answer.headers.keys().map(HeaderName::as_str).filter(ours).collect();
        sent.sort_unstable();
        assert_eq!(sent, expected, "{path}: {answer:?}");
        let headers = &document["paths"][path]["post"]["responses"][status]["headers"];
        let documented: Vec<String> =
            headers.as_object().unwrap().keys().map(|name| name.to_lowercase()).collect();
        for name in sent {
            assert!(documented.iter().any(|known| known == name), "{path} {status}: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_that_is_not_documented() {
    let world = World::start().await;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let python = Command::new(scripts.join("venv.sh")).stderr(Stdio::inherit()).output().unwrap();
    let python = String::from_utf8(python.stdout).unwrap();
    let schemathesis = Path::new(python.trim()).with_file_name("schemathesis");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/v1/openapi.json", world.url);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_headers_conformance,unsupported_method";
    let mut command = tokio::process::Command::new(schemathesis);
    command
        .current_dir(folder.path())
        .args(["run", &url, "--checks", checks, "--max-examples", "10", "--seed", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--header", "Authorization: Bearer demo"])
        .args(["--suppress-health-check", "all", "--no-color", "--continue-on-failure"]);
    let output = command.output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    // It tested every operation but the one that serves the document.
    let document = get(&world, "/v1/openapi.json").await;
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|operations| operations.as_object().unwrap().len())
        .sum::<usize>()
        - 1;
    assert!(report.contains(&format!("{operations} selected / {operations} total")), "{report}");
}
