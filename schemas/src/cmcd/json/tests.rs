//! The reader against its definition: what [`serde_json`] reads, evaluated member by member.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{parse, parse_event, to_json};
use crate::cmcd::limits::{fits, int_fits, text_fits};
use crate::cmcd::{
    Key, Kind, MAX_CUSTOM, MAX_CUSTOM_CHARS, MAX_ITEMS, Mode, Record, Rule, is_custom,
};
use crate::fates::Reason;

/// The members of an object in the order in which they were sent.
type Sent = Vec<(String, Json)>;

/// The members kept, and the numbers of values and keys lost.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    members: BTreeMap<String, Json>,
    values: u32,
    keys: u32,
}

fn naive(sent: &Sent) -> Result<Kept, Reason> {
    let (mut kept, mut lost_ts, mut customs) = (Kept::default(), false, 0);
    for (name, value) in sent.iter().filter(|(name, value)| name != "type" && !value.is_null()) {
        let key = Key::from_name(name);
        let value = match key {
            Some(key) => list(key, value),
            None if is_custom(name) => {
                plain(value).filter(|text| fits(text, MAX_CUSTOM_CHARS)).map(Json::from)
            }
            None => {
                kept.keys += 1;
                continue;
            }
        };
        let Some(value) = value else {
            kept.values += 1;
            lost_ts |= key == Some(Key::Ts);
            continue;
        };
        if key.is_none() && !kept.members.contains_key(name) {
            if customs == MAX_CUSTOM {
                kept.keys += 1;
                continue;
            }
            customs += 1;
        }
        kept.members.insert(name.clone(), value);
    }
    let has = |name: &str| kept.members.contains_key(name);
    let text = |name: &str| kept.members.get(name).and_then(Json::as_str).unwrap_or_default();
    Err(match () {
        () if kept.members.is_empty() && kept.values == 0 => Reason::NotARecord,
        () if kept.members.get("v").is_some_and(|v| v.as_i64() > Some(2)) => Reason::UnknownVersion,
        () if text("sid").is_empty() => Reason::NoSid,
        () if !has("e") => Reason::NoEvent,
        () if !has("ts") && lost_ts => Reason::BadTs,
        () if !has("ts") => Reason::NoTs,
        () => return Ok(kept),
    })
}

/// All items have to be scalars; a key that is not a list takes the first.
fn list(key: Key, value: &Json) -> Option<Json> {
    let lone = [value.clone()];
    let items = value.as_array().map_or(lone.as_slice(), Vec::as_slice);
    let pairs = items.iter().map(|item| match item {
        Json::Object(pair) => (pair.get("v").cloned().unwrap_or_default(), pair.get("ot").cloned()),
        plain => (plain.clone(), None),
    });
    let pairs: Vec<_> = pairs.collect();
    let word = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c);
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*') && text.chars().all(fits)
    };
    let scalar = |value: &Json| match value {
        Json::String(text) => key.kind() != Kind::Token || word(text),
        other => other.is_number() || other.is_boolean(),
    };
    if !pairs.iter().all(|(value, _)| scalar(value)) {
        return None;
    }
    let fitting = |(value, ot): &(Json, Option<Json>)| {
        let value = one(key, value)?;
        let known = ["v", "a", "av", "m", "i", "c", "tt", "k", "o"];
        let ot = ot.as_ref().and_then(Json::as_str).filter(|ot| known.contains(ot));
        Some(match (key.kind(), ot) {
            (Kind::Ints, Some(ot)) => json!({"v": value, "ot": ot}),
            _ => value,
        })
    };
    match key.kind() {
        Kind::Ints | Kind::Strs if !(1..=MAX_ITEMS).contains(&pairs.len()) => None,
        Kind::Ints | Kind::Strs => pairs.iter().map(fitting).collect(),
        _ => fitting(pairs.first()?),
    }
}

fn one(key: Key, value: &Json) -> Option<Json> {
    let number = |value: &Json| value.as_i64().map(|v| v as f64).or(value.as_f64());
    match key.kind() {
        Kind::Int | Kind::Ints => {
            let rounded = || value.as_f64().filter(|v| v.abs() < 1e15).map(|v| v.round() as i64);
            let value = value.as_i64().or_else(rounded)?;
            int_fits(key, value).then_some(json!(value))
        }
        Kind::Dec => number(value).map(Json::from),
        Kind::Bool => value.as_bool().map(Json::from),
        Kind::Strs if key == Key::Ec && value.is_number() => {
            plain(value).filter(|text| text_fits(key, text)).map(Json::from)
        }
        Kind::Token | Kind::Str | Kind::Strs => {
            value.as_str().filter(|text| text_fits(key, text)).map(Json::from)
        }
    }
}

fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Number(number) => {
            number.as_i64().map(|v| v.to_string()).or(number.as_f64().map(|v| v.to_string()))
        }
        _ => None,
    }
}

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        1 => Just(Json::Null),
        2 => any::<bool>().prop_map(Json::from),
        4 => (0_i64..10_000).prop_map(Json::from),
        2 => (1_500_000_000_000_i64..1_900_000_000_000).prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<u64>().prop_map(Json::from),
        2 => (-1e16..1e16).prop_map(Json::from),
        1 => prop::num::f64::NORMAL.prop_map(Json::from),
        1 => Just(json!(-0.0)),
        4 => "[a-z*]{1,3}".prop_map(Json::from),
        3 => "[a-zA-Z0-9 \"\\\\/\n\u{7f}é𝄞-]{0,12}".prop_map(Json::from),
        1 => "[a-v ]{60,70}".prop_map(Json::from),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    let ot = prop_oneof![4 => "v|a|av|tt|x".prop_map(Json::from), 1 => leaf()];
    let pair = (leaf(), ot).prop_map(|(v, ot)| json!({"ot": ot, "v": v, "x": [{}]}));
    let item = prop_oneof![4 => leaf(), 2 => pair, 1 => Just(json!({})), 1 => Just(json!([[1]]))];
    prop_oneof![
        6 => leaf(),
        3 => prop::collection::vec(item.clone(), 0..4).prop_map(Json::from),
        1 => item,
        1 => (30..36_usize).prop_map(|many| vec![7; many].into()),
    ]
}

/// Events of any members, most of them with the required ones; some with very many.
fn sent() -> impl Strategy<Value = Sent> {
    let known: Vec<_> = Key::ALL.iter().map(|key| key.name().to_owned()).collect();
    let name = prop_oneof![
        6 => prop::sample::select(known),
        2 => "[a-c]{1,2}-[a-v]{1,60}",
        1 => "[a-z\"\u{0}é]{0,6}",
    ];
    let must = [
        ("sid", json!("s-1")),
        ("e", json!("ps")),
        ("ts", json!(1_795_000_000_000_i64)),
        ("v", json!(2)),
        ("type", json!("player")),
    ];
    let must = must.map(|(name, value)| (name.to_owned(), value));
    let must = prop::sample::subsequence(must.to_vec(), 2..=5);
    let many = (0..50_usize).prop_map(|many| {
        (0..many.saturating_sub(10)).map(|n| (format!("x-{n}"), json!(n))).collect::<Sent>()
    });
    (must, prop::collection::vec((name, value()), 0..12), many)
        .prop_map(|(must, more, many)| [must, more, many].concat())
        .prop_shuffle()
}

/// The object as text: with white space, or escapes where none are needed.
fn written(sent: &Sent, (white, escapes): (&str, bool)) -> String {
    let member = |(name, value): &(String, Json)| {
        let text = if white.is_empty() { value.to_string() } else { format!("{value:#}") };
        format!("{}{white}:{white}{text}{white}", Json::from(name.as_str()))
    };
    let members: Vec<_> = sent.iter().map(member).collect();
    let text = format!("{white}{{{white}{}}}{white}", members.join(&format!(",{white}")));
    // No number, truth or null has this letter in it.
    if escapes { text.replace('v', "\\u0076") } else { text }
}

fn style() -> impl Strategy<Value = (&'static str, bool)> {
    (prop::sample::select(vec!["", "", " ", "\r\n\t"]), prop::bool::weighted(0.3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_object_is_read_as_serde_json_reads_it(sent in sent(), style in style()) {
        let text = written(&sent, style);
        // Decimals come back from text not always to the bit.
        let again = |value: &Json| serde_json::from_str(&value.to_string()).unwrap();
        let sent: Sent = sent.iter().map(|(name, value)| (name.clone(), again(value))).collect();
        let mut record = Record::default();
        let read = parse_event(&text, &mut record);
        if sent.iter().all(|(name, _)| name != "type") {
            prop_assert_eq!(read, Err(Reason::BadShape), "{}", text);
            return Ok(());
        }
        let read = read.map(|player| {
            assert!(player);
            let members = to_json(&record).as_object().cloned().unwrap_or_default();
            let (values, keys) = (record.dropped_values(), record.dropped_keys());
            Kept { members: members.into_iter().collect(), values, keys }
        });
        prop_assert_eq!(read, naive(&sent), "{}", text);
    }

    #[test]
    fn invalid_json_is_not_an_event(
        sent in sent(),
        style in style(),
        at in any::<prop::sample::Index>(),
        cut in 0..3_usize,
        put in prop_oneof![
            "[]\\[{}\",:\\\\ue0-9.+tn\u{1}é-]{0,3}",
            prop::sample::select(vec!["0", "-", "\"", "{", "n"]).prop_map(str::to_owned),
        ],
        begins in any::<bool>(),
    ) {
        let mut chars: Vec<char> = written(&sent, style).chars().collect();
        // Where values and names begin, or anywhere.
        let starts = (1..chars.len()).filter(|at| ":,[{".contains(chars[at - 1]));
        let starts: Vec<usize> = if begins { starts.collect() } else { (0..chars.len()).collect() };
        let at = starts[at.index(starts.len())];
        let to = (at + cut).min(chars.len());
        chars.splice(at..to, put.chars());
        let text: String = chars.into_iter().collect();
        let object = serde_json::from_str::<Json>(&text).is_ok_and(|value| value.is_object());
        let read = parse(&text, Mode::Event);
        prop_assert_eq!(read != Err(Reason::BadShape), object, "{}", text);
    }
}

#[test]
fn an_event_of_another_type_is_not_read_and_depth_is_limited() {
    let of = |text: &str| parse_event(text, &mut Record::default());
    assert_eq!(of(r#"{"type":"delivery", what"#), Ok(false));
    assert_eq!(of(r#"{"sid":"a","type":"player","type":7}"#), Ok(false));
    assert_eq!(of(r#"{"type":["player"]}"#), Ok(false));
    for bad in ["", "[]", "7", "{", "{}", r#"{"type":"player"}}"#, r#"{"type":"player" "e":1}"#] {
        assert_eq!(of(bad), Err(Reason::BadShape), "{bad}");
    }
    let deep = |n: usize| format!(r#"{{"type":"player","a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    assert_eq!(of(&deep(4_000)), Err(Reason::BadShape));
    assert_eq!(of(&deep(100)), Err(Reason::NotARecord));
    let long = format!(r#"{{"type":"player","x":"{}"}}"#, "x".repeat(crate::cmcd::MAX_EVENT_BYTES));
    assert_eq!(of(&long), Err(Reason::TooLong));
}

#[test]
fn a_repeated_record_is_one_of_the_same_bytes() {
    let digest = |text: &str| parse(text, Mode::Event).map(|record| record.digest());
    let text = r#"{"sid":"a","e":"ps","ts":1795000000000}"#;
    assert_eq!(digest(text), digest(&[text].concat()));
    assert_ne!(digest(text), digest(&text.replace(':', ": ")));
}

#[test]
fn a_lost_custom_value_is_noted() {
    for value in [json!([1]), json!("x".repeat(65))] {
        let event =
            json!({"sid": "s", "e": "t", "ts": 1_795_000_000_000_i64, "v": 2, "x-y": value});
        let text = event.to_string();
        let record = parse(&text, Mode::Event).unwrap();
        assert_eq!(record.examples(), [(Rule::ValueLost, "x-y".into())], "{text}");
    }
}
