//! Records as real players send them, and how they are decoded.
//!
//! `records/event-*.txt` are POST bodies, `records/query-*.txt` raw query strings.

use serde_json::{Value as Json, json};
use tallylight_schemas::cmcd::json::{self, to_json};
use tallylight_schemas::cmcd::{Mode, Record, parse, parse_either, query_value, query_values};
use tallylight_schemas::fates::Reason;

use crate::golden;

fn outcome(record: &Result<Record<'_>, Reason>) -> Json {
    match record {
        Err(reason) => json!({"rejected": reason.as_str()}),
        Ok(record) => {
            let mut out = json!({"record": to_json(record)});
            for (name, lost) in [
                ("dropped_values", record.dropped_values()),
                ("dropped_keys", record.dropped_keys()),
            ] {
                if lost > 0 {
                    out[name] = Json::from(lost);
                }
            }
            out
        }
    }
}

fn decoded(name: &str) {
    let text = std::fs::read_to_string(golden::path(&format!("records/{name}.txt"))).unwrap();
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let record = match name.split_once('-').unwrap().0 {
            "query" => outcome(&parse(&query_value(line).unwrap(), Mode::Request)),
            "json" => outcome(&json::parse(line, Mode::Event)),
            _ => outcome(&parse(line, Mode::Event)),
        };
        out.push_str(&format!("{line}\n  {record}\n"));
    }
    golden::check(&format!("records/{name}.decoded"), &out);
}

#[test]
fn hls_js_events() {
    decoded("event-hlsjs");
}

#[test]
fn dash_js_events() {
    decoded("event-dashjs");
}

#[test]
fn shaka_events() {
    decoded("event-shaka");
}

#[test]
fn examples_in_the_manner_of_the_standard() {
    decoded("event-standard");
}

#[test]
fn what_cannot_be_used_and_what_is_salvaged() {
    decoded("event-damaged");
}

#[test]
fn request_queries_of_both_versions() {
    decoded("query-players");
}

#[test]
fn json_events() {
    decoded("json-events");
}

#[test]
fn a_query_names_its_argument_in_capitals() {
    assert_eq!(query_value("a=1&CMCD=sid%3D%22a+b%22").unwrap(), "sid=\"a b\"");
    assert_eq!(query_value("CMCD=bs").unwrap(), "bs");
    assert_eq!(query_value("cmcd=bs&xCMCD=bs"), None);
    assert_eq!(query_value(""), None);
    assert_eq!(query_value("CMCD&CMCD=&CMCD=+%20&CMCD=bs&CMCD=su").unwrap(), "bs");
    assert_eq!(query_value("CMCD=%FF&CMCD=bs"), None);
    let all: Vec<_> = query_values("a=1&CMCD=%FF&CMCD=b+s", "CMCD").collect();
    assert_eq!(all, [vec![0xff], b"b s".to_vec()]);
}

#[test]
fn a_record_longer_than_the_limit_is_refused_and_one_of_the_limit_is_not() {
    let head = "e=ps,sid=\"s\",ts=1732412345678,v=2,com.example-x=";
    let fill = "\"".to_owned() + &"x".repeat(8 * 1_024 - head.len() - 2) + "\"";
    assert_eq!(parse(&format!("{head}{fill}\n"), Mode::Event).unwrap().dropped_values(), 1);
    assert_eq!(parse(&format!("{head}{fill},"), Mode::Event), Err(Reason::TooLong));
}

#[test]
fn next_objects_of_version_1_are_decoded_once_in_either_mode() {
    for (line, mode) in [
        ("nor=\"a%252Fb.m4s\",sid=\"s\"", Mode::Request),
        ("e=t,nor=\"a%252Fb.m4s\",sid=\"s\",ts=1795000000000", Mode::Event),
    ] {
        let event =
            json!({"e": "t", "nor": "a%252Fb.m4s", "sid": "s", "ts": 1_795_000_000_000_i64});
        let mut either = Record::default();
        assert_eq!(parse_either(line, &mut either), (mode, Ok(())));
        for record in [parse(line, mode).unwrap(), either] {
            assert_eq!(to_json(&record)["nor"], json!(["a%2Fb.m4s"]), "{line}");
        }
        let text = event.to_string();
        let record = json::parse(&text, mode).unwrap();
        assert_eq!(to_json(&record)["nor"], json!(["a%2Fb.m4s"]), "as JSON");
    }
}

#[test]
fn memory_of_a_record_is_reused() {
    let mut record = Record::default();
    for line in
        ["br=(1 2),e=ps,sid=\"a\",ts=1732412345678,v=2", "e=t,sid=\"b\",ts=1732412345679,v=2"]
    {
        tallylight_schemas::cmcd::parse_into(line, Mode::Event, &mut record).unwrap();
        assert_eq!(Ok(record.clone()), parse(line, Mode::Event));
    }
}
