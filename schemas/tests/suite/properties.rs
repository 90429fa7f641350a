//! Properties: no input makes the parser fail, a damaged value costs only itself, and the columns
//! return what was written to them.

use std::collections::BTreeMap;

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use tallylight_schemas::cmcd::json::{self, to_json};
use tallylight_schemas::cmcd::{Key, Kind, Mode, Record, parse, parse_into};
use tallylight_schemas::ident;
use tallylight_schemas::player::{About, Envelope, PlayerBatchBuilder, PlayerRows};
use tallylight_schemas::scrub;

/// A record as intended: key → value in the form of `to_json`.
type Said = BTreeMap<String, Json>;

fn value(key: Key) -> BoxedStrategy<Json> {
    let text = "[a-zA-Z0-9][ !-<>-~]{0,20}";
    let ot = prop::option::of(prop::sample::select(vec!["v", "a", "av", "tt"]));
    match key {
        Key::V => return Just(json!(2)).boxed(),
        Key::Ts => return (946_684_800_000_i64..4_102_444_800_000).prop_map(Json::from).boxed(),
        _ => {}
    }
    match key.kind() {
        Kind::Int => (0_i64..1_000_000).prop_map(Json::from).boxed(),
        Kind::Dec => (0_i64..4_000).prop_map(|n| json!(n as f64 / 1_000.0)).boxed(),
        Kind::Bool => any::<bool>().prop_map(Json::from).boxed(),
        Kind::Token => "[a-z]{1,3}".prop_map(Json::from).boxed(),
        Kind::Str => text.prop_map(Json::from).boxed(),
        Kind::Ints => prop::collection::vec((0_i64..100_000, ot), 1..4)
            .prop_map(|items| {
                let item = |(v, ot)| match ot {
                    Some(ot) => json!({"v": v, "ot": ot}),
                    None => json!(v),
                };
                items.into_iter().map(item).collect()
            })
            .boxed(),
        Kind::Strs => prop::collection::vec(text, 1..4)
            .prop_map(|items| items.into_iter().map(Json::from).collect())
            .boxed(),
    }
}

fn said() -> impl Strategy<Value = Said> {
    let optional = prop::sample::subsequence(Key::ALL, 0..Key::ALL.len());
    optional
        .prop_flat_map(|mut keys| {
            keys.extend([Key::Sid, Key::E, Key::Ts, Key::V]);
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter()
                .map(|key| value(key).prop_map(move |value| (key.name().to_owned(), value)))
                .collect::<Vec<_>>()
        })
        .prop_map(|pairs| pairs.into_iter().collect())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn written(key: Key, value: &Json) -> String {
    match value {
        Json::String(text) if key.kind() == Kind::Token => text.clone(),
        Json::String(text) => quoted(text),
        Json::Bool(value) => format!("?{}", i32::from(*value)),
        Json::Object(item) => format!("{};{}", item["v"], item["ot"].as_str().unwrap()),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(key, item)).collect();
            format!("({})", items.join(" "))
        }
        other => other.to_string(),
    }
}

/// The members of a record, each `key=value`.
fn members(said: &Said) -> Vec<String> {
    let one = |(name, value): (&String, &Json)| {
        let key = Key::from_name(name).unwrap();
        format!("{name}={}", written(key, value))
    };
    said.iter().map(one).collect()
}

fn heard(record: &Record<'_>) -> Said {
    to_json(record).as_object().unwrap().clone().into_iter().collect()
}

fn text_of(said: &Said) -> String {
    members(said).join(",")
}

proptest! {
    #[test]
    fn any_text_has_an_outcome(text in ".{0,300}", cmcd in "[a-z]{0,2}[-=,;?(). \"\\\\a-z0-9\t:@é]{0,200}") {
        for text in [text, cmcd] {
            for mode in [Mode::Event, Mode::Request] {
                let _ = parse(&text, mode);
                let _ = parse(&format!("e=ps,sid=\"a\",ts=1732412345678,{text}"), mode);
            }
        }
    }

    #[test]
    fn what_was_said_is_heard(said in said()) {
        let text = text_of(&said);
        let record = parse(&text, Mode::Event).unwrap();
        prop_assert_eq!(heard(&record), said, "{}", text);
        prop_assert_eq!((record.dropped_values(), record.dropped_keys()), (0, 0));
    }

    #[test]
    fn json_says_the_same(said in said()) {
        let text = Json::Object(said.clone().into_iter().collect::<Map<_, _>>()).to_string();
        prop_assert_eq!(heard(&json::parse(&text, Mode::Event).unwrap()), said);
    }

    #[test]
    fn a_damaged_value_costs_only_itself(
        said in said(),
        which in any::<prop::sample::Index>(),
        junk in "[\"(),;=\\\\ zZ19?.-]{0,12}",
    ) {
        let mut members = members(&said);
        let at = which.index(members.len());
        let name = members[at].split('=').next().unwrap().to_owned();
        members[at] = format!("{name}={junk}");
        let text = members.join(",");
        let mut record = Record::default();
        let _ = parse_into(&text, Mode::Event, &mut record);
        let (mut heard, mut said) = (heard(&record), said);
        heard.retain(|key, _| Key::from_name(key).is_some());
        heard.remove(&name);
        said.remove(&name);
        if name == "v" {
            // Without it a record is of version 1, whose `nor` is percent-encoded.
            heard.remove("nor");
            said.remove("nor");
        }
        prop_assert_eq!(heard, said, "{}", text);
    }

    /// Values in the usual form are read by a fast path, which a space after `=` disables.
    #[test]
    fn the_fast_path_reads_what_the_slow_path_does(
        said in said(),
        junk in "[a-z-]{2,6}=[\"(]?[a-zA-Z0-9é\\\\;:.?-]{0,17}[\")]?",
        wide in (any::<u64>(), 0..60_u32).prop_map(|(number, less)| number >> less),
    ) {
        let mut members = members(&said);
        members.extend([junk, format!("dl={wide}"), format!("tb=({wide};v)"), "bs".to_owned()]);
        let read = |text: &str| {
            let mut record = Record::default();
            let outcome = parse_into(text, Mode::Event, &mut record);
            let lost = (record.dropped_values(), record.dropped_keys());
            (outcome, heard(&record), lost, record.broken())
        };
        let text = members.join(",");
        prop_assert_eq!(read(&text), read(&text.replace('=', "= ")), "{}", text);
    }

    #[test]
    fn a_cut_record_keeps_what_came_before_the_cut(said in said(), at in any::<prop::sample::Index>()) {
        let text = text_of(&said);
        let cut = at.index(text.len());
        let mut record = Record::default();
        let _ = parse_into(&text[..cut], Mode::Event, &mut record);
        let heard = heard(&record);
        // `bsa=…` cut short may read as `bs`, which is a key of its own.
        let tail = text[..cut].rsplit(',').next().unwrap_or_default();
        let mut end = 0;
        for ((name, value), member) in said.iter().zip(members(&said)) {
            end += member.len() + 1;
            // Without its `v` a record is of version 1, whose `nor` is percent-encoded.
            let as_said = name != "nor" || heard.contains_key("v");
            if end <= cut && name != tail && as_said {
                prop_assert_eq!(heard.get(name), Some(value), "{}", &text[..cut]);
            }
        }
    }

    #[test]
    fn columns_give_back_what_was_said(all in prop::collection::vec(said(), 1..20), partitions in 1_u16..6) {
        let texts: Vec<String> = all.iter().map(text_of).collect();
        let (mut arrived, mut owners) = (PlayerBatchBuilder::new(), Vec::new());
        let mut apart: Vec<_> = (0..partitions).map(|_| PlayerBatchBuilder::new()).collect();
        for (at, text) in (0_i64..).zip(&texts) {
            let record = parse(text, Mode::Event).unwrap();
            let envelope = Envelope { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at: at, about: About::default() };
            arrived.push(&envelope, &record);
            let own = ident::partition("demo", record.sid(), partitions);
            apart[usize::from(own)].push(&envelope, &record);
            owners.push(own);
        }
        let mut joined = PlayerBatchBuilder::new();
        apart.into_iter().for_each(|own| joined.append(own).unwrap());
        let batch = joined.finish().unwrap();
        prop_assert!(joined.is_empty());
        prop_assert_eq!(batch.num_rows(), all.len());
        let rows = PlayerRows::new(&batch).unwrap();
        // By partition, and within each in the order of arrival.
        let mut order: Vec<u32> = (0..).take(all.len()).collect();
        order.sort_by_key(|row| owners[*row as usize]);
        for (at, row) in order.iter().enumerate() {
            let (event, row) = (rows.get(at), *row as usize);
            prop_assert_eq!(ident::partition(event.tenant, event.sid, partitions), owners[row]);
            prop_assert_eq!(event.received_at, row as i64);
            check_row(&event, &all[row]);
        }
        let arrived = arrived.finish().unwrap();
        // Joining the builders of the partitions gives the same as sorting.
        let sorted = take_record_batch(&arrived, &UInt32Array::from(order)).unwrap();
        prop_assert_eq!(&sorted, &batch);
        let rows = PlayerRows::new(&arrived).unwrap();
        for (row, said) in all.iter().enumerate() {
            check_row(&rows.get(row), said);
        }
    }
}

fn check_row(event: &tallylight_schemas::player::PlayerEvent<'_>, said: &Said) {
    // Text that contains a URL loses its private parts.
    let stored = |text: &str| scrub::other(text).into_owned();
    let text = |name| said.get(name).and_then(Json::as_str).map(stored);
    let int = |name| said.get(name).and_then(Json::as_i64);
    assert_eq!(Some(event.sid), said.get("sid").and_then(Json::as_str));
    assert_eq!(event.cid.map(str::to_owned), text("cid"));
    assert_eq!((event.e, event.sta), (text("e").as_deref(), text("sta").as_deref()));
    assert_eq!((event.ts, event.ltc_ms, event.msd_ms), (int("ts"), int("ltc"), int("msd")));
    assert_eq!(event.sn, int("sn").map(|sn| sn as u64));
    assert_eq!(event.bg, said.get("bg").and_then(Json::as_bool));
    let error = said.get("ec").and_then(|ec| ec[0].as_str()).map(stored);
    assert_eq!(event.ec.as_deref(), error.as_deref());
    assert_eq!(event.br_kbps, said.get("br").map(|br| selected(br, text("ot").as_deref())));
    assert_eq!((event.v, event.mode), (2, Mode::Event));
}

fn selected(br: &Json, ot: Option<&str>) -> i64 {
    let items = br.as_array().unwrap();
    let of = |item: &Json| item["v"].as_i64().or(item.as_i64()).unwrap();
    let is_video = |item: &&Json| matches!(item["ot"].as_str().or(ot), Some("v" | "av"));
    of(items.iter().find(is_video).unwrap_or(&items[0]))
}
