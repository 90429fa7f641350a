//! JSON Schema (2020-12) of an event: what to send, not every irregularity that is accepted.

use arrow::datatypes::{DataType, FieldRef};
use serde_json::{Map, Value, json};
use tallylight_schemas::cmcd::{self, Key, Kind, MAX_CUSTOM_CHARS, MAX_ITEMS, Unit};
use tallylight_schemas::ipc::{TenantDelivery, fields};
use tallylight_schemas::tables::{self, Table};

use super::SCHEMA_PATH;
use crate::decode::delivery::{NAME_BYTES, bounds};
use crate::decode::json::CMCD;
use crate::decode::reported::CMCD_BYTES;

/// Members that a player's event must have.
const PLAYER_REQUIRED: [&str; 4] = ["type", "sid", "e", "ts"];
/// Members that a delivery event must have; a test checks them against the struct.
const DELIVERY_REQUIRED: [&str; 10] =
    ["type", "source", "boot", "seq", "ts", "service", "action", "stream", "status", "bytes"];

/// The newest version of CMCD; a record of a later one is rejected.
const NEWEST: i64 = 2;
/// Tokens, as CMCD writes them.
const TOKEN: &str = "^[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*$";
/// Names of custom keys.
const CUSTOM: &str = "^[A-Za-z*][A-Za-z0-9_.*]*-[A-Za-z0-9_.*-]*$";
/// Members of a delivery event that have one of a few words; a test checks them against the types.
const WORDS: [(&str, [&str; 4]); 2] = [
    ("service", ["packager", "origin", "edge", "steering"]),
    ("action", ["put", "get", "choice", "load"]),
];

/// The schema of one event.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_PATH,
        "title": "Tallylight event",
        "description": "An event for POST /v1/events. `type` says which.",
        "oneOf": [player(), delivery()],
    })
}

fn player() -> Value {
    let mut properties: Map<String, Value> =
        Key::ALL.iter().map(|key| (key.name().to_owned(), of_key(*key))).collect();
    properties.insert("type".to_owned(), json!({"const": "player"}));
    let custom = format!(
        "A custom key: letters, digits and `_-.*`, with a hyphen, at most {MAX_CUSTOM_CHARS} bytes."
    );
    json!({
        "title": "A record of a player, with the keys of CMCD as members",
        "type": "object",
        "required": PLAYER_REQUIRED,
        "properties": properties,
        "patternProperties": {
            CUSTOM: {
                "type": ["string", "number", "boolean", "null"],
                "maxLength": MAX_CUSTOM_CHARS,
                "description": custom,
            },
        },
        "additionalProperties": false,
    })
}

fn of_key(key: Key) -> Value {
    let (least, most) = cmcd::bounds(key);
    let most = if key == Key::V { NEWEST } else { most };
    let number = json!({"type": "integer", "minimum": least, "maximum": most});
    let list =
        |item: Value| json!({"type": "array", "items": item, "minItems": 1, "maxItems": MAX_ITEMS});
    let mut schema = match key.kind() {
        Kind::Int => number,
        Kind::Dec => json!({"type": "number"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Token | Kind::Str => text(key),
        Kind::Strs => list(text(key)),
        Kind::Ints => list(json!({"anyOf": [
            number,
            {"type": "object", "required": ["v"], "properties": {
                "v": number,
                "ot": {"type": "string", "description": "The object type it is about."},
            }},
        ]})),
    };
    schema["description"] = about(Table::PlayerEvents, key.name()).into();
    schema
}

/// What a member means, as the column of its name says it, with the unit of its numbers.
fn about(table: Table, member: &str) -> Option<String> {
    let column = table.column(member)?;
    // SQL has a type for times; an event has a number.
    let unit = column.unit.or((column.kind == tables::Kind::Time).then_some("Unix µs"));
    let unit = unit.map(|unit| format!(" Unit: {unit}.")).unwrap_or_default();
    Some(format!("{}{unit}", column.about))
}

/// A text of a key.
fn text(key: Key) -> Value {
    let mut schema = json!({"type": "string"});
    if let Unit::Chars(most) = key.unit() {
        schema["maxLength"] = most.into();
    }
    if key.kind() == Kind::Token {
        schema["pattern"] = TOKEN.into();
    }
    if key == Key::Sid {
        schema["minLength"] = 1.into();
    }
    schema
}

fn delivery() -> Value {
    let mut properties: Map<String, Value> =
        members().iter().map(|member| (member.name().clone(), of_member(member))).collect();
    properties.insert("type".to_owned(), json!({"const": "delivery"}));
    let about = "The CMCD of the request, decoded: a record of the player's own (source `edge`).";
    let cmcd = json!({"type": ["string", "null"], "maxLength": CMCD_BYTES, "description": about});
    properties.insert(CMCD.to_owned(), cmcd);
    json!({
        "title": "What a service reports of one PUT, GET, choice or load",
        "type": "object",
        "required": DELIVERY_REQUIRED,
        "properties": properties,
    })
}

/// The members of a delivery event, as its struct has them.
fn members() -> Vec<FieldRef> {
    let stored = fields::<TenantDelivery>().unwrap_or_default();
    let event = stored.iter().find_map(|field| match field.data_type() {
        DataType::Struct(members) => Some(members.iter().cloned().collect()),
        _ => None,
    });
    event.unwrap_or_default()
}

fn of_member(member: &FieldRef) -> Value {
    let words = WORDS.iter().find(|(name, _)| *name == member.name()).map(|(_, words)| words);
    let mut schema = match (member.data_type(), bounds(member.name()), words) {
        (DataType::Boolean, ..) => json!({"type": "boolean"}),
        (_, Some(bounds), _) => {
            json!({"type": "integer", "minimum": bounds.start(), "maximum": bounds.end()})
        }
        (DataType::UInt64, ..) => json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
        (found, ..) if found.is_integer() => json!({"type": "integer"}),
        (.., Some(words)) => json!({"type": "string", "enum": words}),
        _ => json!({"type": "string", "maxLength": NAME_BYTES}),
    };
    if member.name() == "source" {
        schema["minLength"] = 1.into();
    }
    if member.is_nullable() {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema["description"] = about(Table::DeliveryEvents, member.name()).into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_schemas::cmcd::{Mode, json};
    use tallylight_schemas::delivery::{Action, DeliveryEvent, Service};

    /// A value that the schema of a member allows.
    fn example(name: &str, schema: &Value) -> Value {
        let kind = schema["type"].as_str().or(schema["type"][0].as_str());
        match (name, kind) {
            _ if schema["enum"].is_array() => schema["enum"][0].clone(),
            (_, Some("boolean")) => true.into(),
            (_, Some("integer")) => schema["maximum"].as_u64().unwrap_or(7).into(),
            (_, Some("string")) => "a".into(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_members_of_a_delivery_event_are_those_of_its_struct() {
        let schema = delivery();
        let members = schema["properties"].as_object().unwrap();
        let whole: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| !["type", CMCD].contains(&name.as_str()))
            .map(|(name, schema)| (name.clone(), example(name, schema)))
            .collect();
        let read: DeliveryEvent = serde_json::from_value(whole.clone().into()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), Value::Object(whole.clone()));
        for name in whole.keys() {
            let mut without = whole.clone();
            without.remove(name);
            let lacks = serde_json::from_value::<DeliveryEvent>(without.into()).is_err();
            assert_eq!(lacks, DELIVERY_REQUIRED.contains(&name.as_str()), "{name}");
            if members[name]["type"].is_array() {
                let null: Map<_, _> = whole
                    .iter()
                    .map(|(n, v)| (n.clone(), if n == name { Value::Null } else { v.clone() }))
                    .collect();
                serde_json::from_value::<DeliveryEvent>(null.into()).unwrap();
            }
        }
    }

    #[test]
    fn service_and_action_are_words_of_their_types() {
        // The error for an unknown word names every known one.
        fn known<T: serde::de::DeserializeOwned>() -> Vec<String> {
            let error = serde_json::from_value::<T>("".into()).err().unwrap().to_string();
            error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
        }
        let members = &delivery()["properties"];
        assert_eq!(members["service"]["enum"], json!(known::<Service>()));
        assert_eq!(members["action"]["enum"], json!(known::<Action>()));
    }

    #[test]
    fn the_numbers_of_a_delivery_event_say_how_large_they_may_be() {
        let schema = delivery();
        let members = &schema["properties"];
        let range = |name: &str| {
            let member = &members[name];
            (member["minimum"].as_i64().unwrap(), member["maximum"].as_i64().unwrap())
        };
        assert_eq!(range("bytes"), (0, 1 << 50));
        assert_eq!(range("status"), (100, 999));
        assert_eq!(range("ttfb_us"), (0, 86_400_000_000));
        assert_eq!(range("late_us"), (-86_400_000_000, 86_400_000_000));
        assert_eq!(members["seq"]["maximum"], u64::MAX);
    }

    #[test]
    fn the_members_that_a_players_event_must_have_are_those_that_the_decoder_requires() {
        let whole = json!({"type": "player", "sid": "a", "e": "t", "ts": 1_795_000_000_000_i64});
        assert!(json::parse(&whole.to_string(), Mode::Event).is_ok());
        for name in PLAYER_REQUIRED.into_iter().filter(|name| !["type", "sid"].contains(name)) {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(name);
            assert!(json::parse(&without.to_string(), Mode::Event).is_err(), "{name}");
        }
    }

    /// Whether a player's event with this member is accepted, and loses nothing.
    fn is_kept(name: &str, value: &Value) -> bool {
        let mut event = json!({"sid": "a", "e": "t", "ts": 1_795_000_000_000_i64});
        event[name] = value.clone();
        let text = event.to_string();
        json::parse(&text, Mode::Event).is_ok_and(|record| record.dropped_values() == 0)
    }

    #[test]
    fn the_numbers_of_a_players_event_are_kept_within_their_bounds_alone() {
        let schema = player();
        for key in Key::ALL.iter().filter(|key| matches!(key.kind(), Kind::Int | Kind::Ints)) {
            let member = &schema["properties"][key.name()];
            let listed = &member["items"]["anyOf"][0];
            let number = if key.kind() == Kind::Int { member } else { listed };
            let [least, most] = ["minimum", "maximum"].map(|name| number[name].as_i64().unwrap());
            for (value, kept) in
                [(least - 1, false), (least, true), (most, true), (most + 1, false)]
            {
                assert_eq!(is_kept(key.name(), &value.into()), kept, "{} {value}", key.name());
            }
        }
    }

    #[test]
    fn the_texts_of_a_players_event_are_kept_as_far_as_the_schema_allows() {
        let schema = player();
        let of = |name: &str, word: &str| schema["properties"][name][word].clone();
        assert_eq!((of("sid", "minLength"), of("nor", "minItems")), (json!(1), json!(1)));
        assert_eq!(of("e", "pattern"), TOKEN);
        assert_eq!(schema["patternProperties"][CUSTOM]["maxLength"], MAX_CUSTOM_CHARS);
        let longest = "x".repeat(MAX_CUSTOM_CHARS);
        for (name, value, kept) in [
            ("sid", json!(""), false),
            ("nor", json!([]), false),
            ("e", json!(""), false),
            ("e", json!("9"), false),
            ("e", json!("a b"), false),
            ("e", json!("*9!#$%&'*+-.^_`|~:/"), true),
            ("a-b", json!(longest), true),
            ("a-b", json!(format!("{longest}x")), false),
        ] {
            assert_eq!(is_kept(name, &value), kept, "{name} {value}");
        }
        assert_eq!(delivery()["properties"]["source"]["minLength"], 1);
    }
}
