//! Every key of both versions, and every irregularity that players are known to send, by name:
//! what is read, what is lost, and which broken rule is noted.

use serde_json::{Value as Json, json};
use tallylight_schemas::cmcd::json::{self, to_json};
use tallylight_schemas::cmcd::{
    Key, Kind, Mode, Rule, cmsd, header_value, is_custom, parse, query_value,
};

const EVENT: &str = "e=t,sid=\"s\",ts=1795000000000,v=2";

fn read(text: &str, mode: Mode) -> (Json, Vec<&'static str>) {
    let record = parse(text, mode).unwrap_or_else(|reason| panic!("{reason:?}: {text}"));
    (to_json(&record), record.broken().iter().map(Rule::slug).collect())
}

/// A value of each key as the standard, version 2, writes it, and the value that is read.
fn written(key: Key) -> (String, Json) {
    match (key, key.kind()) {
        (Key::Ts, _) => ("1795000000000".into(), json!(1_795_000_000_000_i64)),
        (Key::V, _) => ("2".into(), json!(2)),
        (Key::E, _) => ("ce".into(), json!("ce")),
        (Key::Ot, _) => ("av".into(), json!("av")),
        (Key::Sf, _) => ("h".into(), json!("h")),
        (Key::St, _) => ("l".into(), json!("l")),
        (Key::Cmsds, _) => ("\"b3Q9dg==\"".into(), json!("b3Q9dg==")),
        (Key::Cmsdd, _) => ("\"ImEiO3J0dD04\"".into(), json!("ImEiO3J0dD04")),
        (_, Kind::Int) => ("1200".into(), json!(1_200)),
        (_, Kind::Dec) => ("1.25".into(), json!(1.25)),
        (_, Kind::Bool) => ("?1".into(), json!(true)),
        (_, Kind::Token) => ("s".into(), json!("s")),
        (_, Kind::Str) => ("\"a b\"".into(), json!("a b")),
        (_, Kind::Ints) => ("(1200;v 900)".into(), json!([{"v": 1200, "ot": "v"}, 900])),
        (_, Kind::Strs) => ("(\"x\" \"y\")".into(), json!(["x", "y"])),
    }
}

#[test]
fn every_key_of_version_2_is_typed() {
    let keys: Vec<Key> = Key::ALL.iter().copied().filter(|key| *key != Key::Nrr).collect();
    assert_eq!(keys.len(), 49);
    for key in keys {
        let (text, value) = written(key);
        let (record, broken) =
            read(&format!("cen=\"x\",{EVENT},e=ce,{}={text}", key.name()), Mode::Event);
        assert_eq!(record[key.name()], value, "{}", key.name());
        let elsewhere = ["cmsdd", "cmsds", "rc", "smrt", "ttfb", "ttfbb", "ttlb", "url"];
        let wanted: &[&str] =
            if elsewhere.contains(&key.name()) { &["response_key_elsewhere"] } else { &[] };
        assert_eq!(broken, wanted, "{}", key.name());
    }
}

#[test]
fn every_key_of_version_1_is_typed() {
    let all = [
        ("br", "3200", json!([3200])),
        ("bl", "21300", json!([21_300])),
        ("bs", "?1", json!(true)),
        ("cid", "\"c\"", json!("c")),
        ("d", "4004", json!(4004)),
        ("dl", "18500", json!(18_500)),
        ("mtp", "25400", json!([25_400])),
        ("nor", "\"..%2F300kbps%2Ftrack.m4v\"", json!(["../300kbps/track.m4v"])),
        ("nrr", "\"0-99\"", json!("0-99")),
        ("ot", "v", json!("v")),
        ("pr", "1.08", json!(1.08)),
        ("rtp", "15000", json!(15_000)),
        ("sf", "d", json!("d")),
        ("sid", "\"s\"", json!("s")),
        ("st", "v", json!("v")),
        ("su", "?1", json!(true)),
        ("tb", "6000", json!([6000])),
        ("v", "1", json!(1)),
    ];
    assert_eq!(all.len(), 18);
    for (key, text, value) in &all {
        let (record, broken) = read(&format!("sid=\"s\",{key}={text}"), Mode::Request);
        assert_eq!((&record[*key], broken.as_slice()), (value, [].as_slice()), "{key}");
    }
    // And all at once, in a query and in the headers, regardless of which header a key is in.
    let members: Vec<String> = all.iter().map(|(key, text, _)| format!("{key}={text}")).collect();
    let query = format!("CMCD={}", members.join(",").replace('%', "%25").replace('"', "%22"));
    let headers = members.chunks(5).map(|some| some.join(","));
    let headers: Vec<String> = headers.collect();
    let from_headers = header_value(headers.iter().map(String::as_str)).unwrap();
    for text in [query_value(&query).unwrap().into_owned(), from_headers] {
        let (record, _) = read(&text, Mode::Request);
        for (key, _, value) in &all {
            assert_eq!(record[*key], *value, "{key} of {text}");
        }
    }
}

/// Name of the irregularity; members added to those of a correct record; key and value that must
/// be read; the rule noted.
#[test]
fn what_players_send_is_read_as_meant_and_noted() {
    let lists = json!([{"v": 600, "ot": "v"}]);
    for (name, members, key, value, rule) in [
        ("scalar where list expected", "br=3000", "br", json!([3000]), Some("scalar_for_list")),
        ("scalar with a type", "br=600;v", "br", lists, Some("scalar_for_list")),
        ("list where scalar expected", "d=(4000 5)", "d", json!(4000), Some("list_for_scalar")),
        (
            "decimal where int expected",
            "ltc=3456.789",
            "ltc",
            json!(3457),
            Some("decimal_for_integer"),
        ),
        ("decimal in a list", "bl=(3993.83)", "bl", json!([3994]), Some("decimal_for_integer")),
        ("numeric ec", "e=e,ec=(25)", "ec", json!(["25"]), Some("number_for_text")),
        ("a token in quotes", "sta=\"r\"", "sta", json!("r"), Some("text_for_token")),
        ("text for a token", "sta=\"a b\",bs", "bs", json!(true), Some("value_lost")),
        ("ec without an error", "ec=(\"a\")", "ec", json!(["a"]), None),
        ("error without ec", "e=e", "e", json!("e"), Some("error_code_missing")),
        ("change of state without sta", "e=ps", "e", json!("ps"), Some("state_missing")),
        ("custom event without cen", "e=ce", "e", json!("ce"), Some("companion_missing")),
        ("unknown event", "e=zz", "e", json!("zz"), Some("unknown_event")),
        ("unknown state", "sta=x", "sta", json!("x"), Some("unknown_state")),
        ("undefined state", "sta=w", "sta", json!("w"), Some("undefined_state")),
        ("unknown object type", "ot=zz", "ot", json!("zz"), Some("unknown_token")),
        ("draft key df", "df=3,bs", "bs", json!(true), Some("draft_key")),
        ("draft key cdn", "cdn=\"x\",bs", "bs", json!(true), Some("draft_key")),
        ("key of version 1", "nrr=\"0-9\"", "nrr", json!("0-9"), Some("draft_key")),
        ("unknown key", "zzz=3,bs", "bs", json!(true), Some("unknown_key")),
        ("value of a wrong type", "bl=\"x\",bs", "bs", json!(true), Some("value_lost")),
        ("value out of range", "br=(-5),bs", "bs", json!(true), Some("value_lost")),
        ("an open quote", "cid=\"x,bs", "bs", json!(true), Some("unreadable")),
        ("an open list", "br=(1 2,bs", "bs", json!(true), Some("unreadable")),
        (
            "capitals in a custom key",
            "com.example-aB=\"x\"",
            "com.example-aB",
            json!("x"),
            Some("capital_key"),
        ),
        ("text beyond ASCII", "cid=\"é\"", "cid", json!("é"), Some("not_ascii")),
        ("beyond ASCII in a custom key", "com.x-y=\"é\"", "com.x-y", json!("é"), Some("not_ascii")),
        ("exact throughput", "mtp=(1234)", "mtp", json!([1234]), Some("not_rounded")),
        ("response key elsewhere", "rc=200", "rc", json!(200), Some("response_key_elsewhere")),
        (
            "aggregate beside its rung",
            "ab=(900),br=(800)",
            "ab",
            json!([900]),
            Some("aggregate_beside_rung"),
        ),
        (
            "CMSD that is none",
            "e=rr,url=\"u\",cmsdd=\"!!\"",
            "cmsdd",
            json!("!!"),
            Some("cmsd_unreadable"),
        ),
        ("spaces around commas", "pr=2 ,\t bs , nr", "bs", json!(true), None),
        ("blank members", ",,bs,", "bs", json!(true), None),
        ("false said aloud", "bg=?0", "bg", json!(false), None),
        ("a parameter that is no type", "nor=(\"a\";r=\"0-9\")", "nor", json!(["a"]), None),
        ("an item without a type", "bl=(2000)", "bl", json!([2000]), None),
        ("a key sent twice", "bs=?0,bs", "bs", json!(true), None),
    ] {
        let (record, broken) = read(&format!("{EVENT},{members}"), Mode::Event);
        assert_eq!(record[key], value, "{name}");
        assert_eq!(broken, Vec::from_iter(rule), "{name}: {members}");
        assert_eq!(record["sid"], "s", "{name}");
    }
}

#[test]
fn a_companion_of_an_event_that_was_lost_is_not_noted_as_never_sent() {
    let long = |chars| "x".repeat(chars);
    for companion in [
        "e=ps,sta=1".to_owned(),
        format!("e=e,ec=(\"{}\")", long(65)),
        format!("e=ce,cen=\"{}\"", long(65)),
        format!("e=rr,url=\"{}\"", long(4_097)),
    ] {
        let (record, broken) = read(&format!("{EVENT},{companion},bs"), Mode::Event);
        assert_eq!((&record["bs"], broken), (&json!(true), vec!["value_lost"]), "{companion}");
    }
}

#[test]
fn each_rule_that_an_unknown_key_breaks_is_noted() {
    for (member, rules) in
        [("BR=1", ["unknown_key", "capital_key"]), ("zzz=\"é\"", ["unknown_key", "not_ascii"])]
    {
        let (_, broken) = read(&format!("{EVENT},{member}"), Mode::Event);
        assert_eq!(broken, rules, "{member}");
    }
}

#[test]
fn a_lost_value_of_a_custom_key_is_noted() {
    for value in ["(1 2)".to_owned(), format!("\"{}\"", "x".repeat(65))] {
        let (record, broken) = read(&format!("{EVENT},com.x-y={value},bs"), Mode::Event);
        assert_eq!((&record["bs"], broken), (&json!(true), vec!["value_lost"]));
    }
}

#[test]
fn versions_and_modes_that_do_not_fit_are_noted() {
    let (_, broken) = read("e=t,sid=\"s\",ts=1795000000000", Mode::Event);
    assert_eq!(broken, ["version_missing"]);
    let (_, broken) = read("ltc=3000,sid=\"s\"", Mode::Request);
    assert_eq!(broken, ["new_key_in_version_1"]);
    let exact = |version: i64| read(&format!("bl=1234,sid=\"s\",v={version}"), Mode::Request).1;
    assert_eq!(exact(1), ["not_rounded"]);
    assert_eq!(exact(2), ["scalar_for_list"], "it should be rounded but need not be");
    let (_, broken) = read("br=(300),sid=\"s\",ts=1795000000000,v=2", Mode::Request);
    assert_eq!(broken, ["event_key_in_request"]);
}

#[test]
fn examples_show_what_was_sent_without_private_values() {
    let text = format!(
        "{EVENT},sid=secret1,url=secret2,cid=\"sécret3?token=secret4\",bl=\"secret5\",\
         secret6=secret7,br=3000,com.x-Y=\"secret8\",cs=(\"secret9\",h=\"secret0"
    );
    let record = parse(&text, Mode::Event).unwrap();
    let shown: Vec<&str> = record.examples().iter().map(|(_, shown)| shown.as_ref()).collect();
    let all = shown.join(" ");
    assert!(all.contains("br=3000"), "{all}");
    // A key's name must be shown to be fixed; its value is private.
    assert!(!all.replace("secret6", "").contains("secret"), "{all}");
    assert!(record.broken().has(Rule::ValueLost) && record.broken().has(Rule::Unreadable));
}

#[test]
fn a_name_is_a_custom_key_and_shown_only_as_far_as_it_has_the_form_of_a_key() {
    for (name, custom, shown) in [
        ("com.x-y", true, ""),
        ("X_1.*-", true, ""),
        ("plain", false, "plain"),
        ("-x", false, "…"),
        ("1-x", false, "…"),
        ("my-key is", false, "my-key…"),
        ("my-é", false, "my-…"),
        ("https://u:p@h/a-b?t", false, "https…"),
    ] {
        assert_eq!(is_custom(name), custom, "{name}");
        let event = json!({"e": "t", "sid": "s", "ts": 1_795_000_000_000_i64, "v": 2, (name): "x"});
        let text = event.to_string();
        let record = json::parse(&text, Mode::Event).unwrap();
        let examples: Vec<_> = record.examples().iter().map(|(_, shown)| shown.as_ref()).collect();
        assert_eq!(examples, if custom { vec![] } else { vec![shown] }, "{name}");
    }
}

#[test]
fn rules_are_distinct_and_say_what_to_do() {
    let mut slugs: Vec<&str> = Rule::ALL.iter().map(|rule| rule.slug()).collect();
    assert!(slugs.len() <= 64, "a set of rules has 64 places");
    assert!(Rule::ALL.is_sorted_by_key(|rule| rule.harm()), "the most harmful come first");
    for rule in Rule::ALL {
        let texts = [rule.title(), rule.costs(), rule.fix()];
        assert!(texts.iter().all(|text| text.len() > 10), "{rule:?}");
        assert!(rule.section().starts_with(['2', '3', '4']), "{rule:?}");
    }
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), Rule::ALL.len());
}

#[test]
fn cmsd_is_decoded_by_hop_and_keeps_what_comes_before_damage() {
    // "CDNB-3ak1";etp=96;rtt=8,"CDNA-987.343";etp=48;rtt=30;du
    let both = "IkNETkItM2FrMSI7ZXRwPTk2O3J0dD04LCJDRE5BLTk4Ny4zNDMiO2V0cD00ODtydHQ9MzA7ZHU=";
    let hops = cmsd::hops(both);
    let names: Vec<_> = hops.iter().map(|hop| (hop.n.as_str(), hop.etp, hop.rtt, hop.du)).collect();
    let wanted =
        [("CDNB-3ak1", Some(96), Some(8), None), ("CDNA-987.343", Some(48), Some(30), Some(true))];
    assert_eq!(names, wanted);
    assert_eq!(cmsd::hops("\"a\";rd=5,\"b\";rd=").len(), 1);
    assert_eq!(cmsd::hops(both.trim_end_matches('=')).len(), 2);
    let fixed = cmsd::fixed("b3Q9dixzZj1oLHN0PXYsZD01MDAwLGJyPTIwMDAsbj0iT3JpZ2luUHJvdmlkZXJBIg==");
    let pairs: Vec<_> = fixed.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let wanted = [
        ("ot", "v"),
        ("sf", "h"),
        ("st", "v"),
        ("d", "5000"),
        ("br", "2000"),
        ("n", "OriginProviderA"),
    ];
    assert_eq!(pairs, wanted);
    for cut in 0..both.len() {
        assert!(cmsd::hops(&both[..cut]).len() <= 2);
    }
    assert_eq!((cmsd::hops("").len(), cmsd::fixed("\u{0}é=").len()), (0, 0));
}
