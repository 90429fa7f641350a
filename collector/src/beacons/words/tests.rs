//! A good record has nothing wrong, and each mistake is named.

use super::*;
use tallylight_schemas::cmcd::json;
use tallylight_schemas::cmcd::parse;

const NOW: i64 = 1_795_000_000_000;

fn of(text: &str) -> Vec<String> {
    let record = parse(text, Mode::Event);
    wrong(text.as_bytes(), record.as_ref().map_err(|reason| *reason), Mode::Event, NOW)
}

#[test]
fn a_good_record_has_nothing_wrong() {
    let good = "bl=(1200),br=(600;v),cid=\"demo\",com.x-y=\"1\",e=ps,sid=\"a\",sn=0,sta=p,ts=1795000000500,v=2";
    assert_eq!(of(good), Vec::<String>::new());
}

#[test]
fn a_quote_within_a_text_does_not_end_it() {
    let good = r#"cid="a\",b=\"c\\",com.x-y="\\",e=ps,sid="a",sn=0,sta=p,ts=1795000000500,v=2"#;
    assert_eq!(of(good), Vec::<String>::new());
}

#[test]
fn each_mistake_is_named() {
    let base = "cid=\"demo\",sid=\"a\",sn=0,v=2";
    for (text, says) in [
        (format!("{base},e=ps,ts={NOW}"), "`e=ps` without `sta`"),
        (format!("{base},e=e,ts={NOW}"), "without `ec`"),
        (format!("{base},e=zz,ts={NOW}"), "`e=zz` is no event"),
        (format!("{base},e=ps,sta=x,ts={NOW}"), "`sta=x` is no state"),
        (format!("{base},e=t,ts={}", NOW - 60_000), "60 s behind"),
        (format!("{base},e=t,ts=1795000000"), "13 digits"),
        (format!("{base},e=t,ts={NOW},df=3"), "`df` is no key"),
        (format!("{base},e=t,ts={NOW},bl=\"x\""), "numbers in parentheses are wanted"),
        (format!("{base},e=t,ts={NOW},com.x-y=(1 2)"), "`com.x-y=(1 2)` was lost"),
        (format!("{base},e=t,ts={NOW},com.x-y=\"{}\"", "x".repeat(65)), "at most 64 characters"),
        (format!("e=t,sid=\"a\",ts={NOW}"), "No `v=2`"),
        (format!("e=t,ts={NOW}"), "no usable `sid`"),
        ("{\"e\":\"t\"}".to_owned(), "/v1/events"),
        (base.to_owned(), "no `e`"),
    ] {
        let wrong = of(&text);
        assert!(wrong.iter().any(|one| one.contains(says)), "{text}: {wrong:?}");
    }
}

fn of_json(text: &str) -> Vec<String> {
    let record = json::parse(text, Mode::Event);
    wrong(text.as_bytes(), record.as_ref().map_err(|reason| *reason), Mode::Event, NOW)
}

#[test]
fn a_json_event_is_judged_as_json() {
    let good = format!(
        r#"{{"type":"player","sid":"a","cid":"demo","e":"ps","sta":"p","sn":0,"br":[600],"ts":{NOW},"com.x-y":"1"}}"#
    );
    assert_eq!(of_json(&good), Vec::<String>::new());
    for (from, to, says) in [
        (r#""br":[600]"#, r#""br":"x""#, r#"`"br":"x"` was lost: a number"#),
        (r#""cid""#, r#""contentId""#, "`contentId` is no key"),
        (r#""com.x-y":"1""#, r#""com.x-y":[1]"#, r#"`"com.x-y":[1]` was lost"#),
        (r#""sta":"p","#, "", "`e=ps` without `sta`"),
    ] {
        let wrong = of_json(&good.replace(from, to));
        assert!(wrong[0].contains(says), "{wrong:?}");
    }
}
