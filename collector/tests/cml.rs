//! Compared with CMCD's reference implementation (@svta/cml-cmcd, two versions, in Node): records
//! that it encodes are decoded to the original, and its reporter's are accepted and typed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/world.rs"]
#[allow(dead_code, unreachable_pub)]
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value as Json, json};
use tallylight_schemas::cmcd::json::{self, to_json};
use tallylight_schemas::cmcd::{Key, Kind, Mode, Record, Rule, header_value, parse, query_value};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::ipc::decode;
use tallylight_schemas::record::Kind as Part;
use world::{World, parts};

const VERSIONS: [&str; 2] = ["2.4", "2.7"];
/// Of each version.
const RECORDS: usize = 10_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/cml")
}

async fn node(script: &str, args: &[&str]) -> String {
    let folder = folder();
    let installed = folder.join("2.7/node_modules").exists();
    assert!(installed, "scripts/cml.sh installs the reference implementation");
    let mut command = tokio::process::Command::new("node");
    command.arg(folder.join(script)).args(args).current_dir(&folder).kill_on_drop(true);
    let output = command.stderr(Stdio::inherit()).output().await.expect("node");
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap()
}

/// Decodes a record from the form in which it was sent.
fn decoded(form: &str, sent: &Json, mode: Mode) -> Result<Json, Reason> {
    let read = |text: &str| parse(text, mode).map(|record: Record<'_>| to_json(&record));
    match form {
        "query" => read(&query_value(sent.as_str().unwrap()).unwrap()),
        "headers" => {
            let values = sent.as_object().unwrap().values();
            read(&header_value(values.filter_map(Json::as_str)).unwrap())
        }
        "json" => json::parse(sent.as_str().unwrap(), mode).map(|record| to_json(&record)),
        _ => read(sent.as_str().unwrap()),
    }
}

/// The original record in the form of `to_json`: lists where the key has one, no empty object
/// types.
fn meant(record: &Json) -> Json {
    let version_1 = record.get("v").is_none();
    let one = |(name, value): (&String, &Json)| {
        let key = Key::from_name(name);
        let item = |value: &Json| match value {
            Json::Object(item) if item["ot"].is_null() => item["v"].clone(),
            other => other.clone(),
        };
        let value = match key.map(Key::kind) {
            Some(Kind::Ints | Kind::Strs) => match value {
                Json::Array(items) => items.iter().map(item).collect(),
                lone => json!([lone]),
            },
            Some(Kind::Dec) => json!(value.as_f64()),
            _ => value.clone(),
        };
        // Version 1 encodes it twice, and the parser undoes both.
        let twice = key == Some(Key::Nor) && version_1;
        let value =
            if twice { json!([value[0].as_str().unwrap().replace("%2F", "/")]) } else { value };
        (name.clone(), value)
    };
    record.as_object().unwrap().iter().map(one).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn what_the_reference_encodes_is_decoded_to_the_original() {
    for version in VERSIONS {
        let text = node("encode.mjs", &[version, &RECORDS.to_string()]).await;
        let (mut forms, mut valid) = (BTreeMap::<String, u32>::new(), 0);
        for line in text.lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            let mode = if record["mode"] == "event" { Mode::Event } else { Mode::Request };
            let form = record["form"].as_str().unwrap();
            let got = decoded(form, &record["sent"], mode);
            assert_eq!(got, Ok(meant(&record["meant"])), "{version}: {line}");
            *forms.entry(format!("{} {form}", record["version"])).or_default() += 1;
            valid += u32::from(record["valid"] == true);
        }
        assert!(forms.len() == 7 && forms.values().all(|number| *number > 500), "{forms:?}");
        // All records were decoded, valid or not; enough of them must be valid.
        assert!(valid > 500, "{version}: {valid} of {RECORDS} valid");
    }
}

#[tokio::test]
async fn valid_records_of_the_reference_break_no_rule_of_its_validator() {
    let text = node("encode.mjs", &["2.7", "3000"]).await;
    for line in text.lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        if record["form"] != "body" || record["valid"] != true {
            continue;
        }
        let sent = record["sent"].as_str().unwrap();
        let parsed = parse(sent, Mode::Event).unwrap();
        // The validator accepts the undefined state `w`, and aggregates beside their rungs.
        let lax = [Rule::UndefinedState, Rule::AggregateBesideRung, Rule::CompanionMissing];
        let broken: Vec<_> = parsed.broken().iter().filter(|rule| !lax.contains(rule)).collect();
        assert!(broken.is_empty(), "{broken:?}: {sent}");
    }
}

#[tokio::test]
async fn what_its_reporter_sends_is_accepted_and_typed() {
    for version in VERSIONS {
        let world = World::start().await;
        let url = format!("{}/v1/cmcd?k=demo", world.url);
        let summary: Json =
            serde_json::from_str(&node("report.mjs", &[version, &url]).await).unwrap();
        let lines = summary["lines"].as_u64().unwrap();
        assert!(lines >= 8, "{summary}");
        assert_eq!(summary["statuses"], json!([204]), "{summary}");
        assert_eq!(world.log.fates().await, [((Fate::Accepted, Reason::None), lines)].into());
        let mut columns = BTreeMap::<String, String>::new();
        for part in parts(&world.log.entries().await, Part::Player) {
            for field in decode(&part.payload).unwrap().schema().fields() {
                columns.insert(field.name().clone(), field.data_type().to_string());
            }
        }
        for (name, wanted) in [
            ("sid", "Utf8"),
            ("sta", "Utf8"),
            ("ts", "Int64"),
            ("sn", "Int64"),
            ("msd", "Int64"),
            ("bg", "Boolean"),
            ("pr", "Float64"),
            ("rc", "Int64"),
            ("ttfb", "Int64"),
        ] {
            assert_eq!(
                columns.get(name).map(String::as_str),
                Some(wanted),
                "{version}: {name} of {columns:?}"
            );
        }
        for list in ["br", "bl", "ec", "cmsd_hops"] {
            assert!(
                columns.get(list).is_some_and(|kind| kind.starts_with("List")),
                "{version}: {list} of {columns:?}"
            );
        }
        assert_eq!(columns.contains_key("broken"), version == "2.4", "{columns:?}");
    }
}
