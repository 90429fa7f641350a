//! A good record has nothing wrong, and each mistake is named.

use super::*;
use tallylight_schemas::cmcd::json::parse_event;
use tallylight_schemas::cmcd::parse;

const NOW: i64 = 1_795_000_000_000;

fn of(text: &str) -> Vec<String> {
    let record = parse(text, Mode::Event);
    wrong(record.as_ref().map_err(|reason| *reason), (Mode::Event, "cmcd"), NOW)
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
        (format!("{base},e=ps,ts={NOW}"), "without the state `sta`: `e=ps`. Add `sta`"),
        (format!("{base},e=e,ts={NOW}"), "without its code `ec`"),
        (format!("{base},e=zz,ts={NOW}"), "An event that the standard does not have: `e=zz`"),
        (format!("{base},e=ps,sta=x,ts={NOW}"), "A state that the standard does not have: `sta=x`"),
        (format!("{base},e=bc,ts={NOW}"), "without the key that says what changed: `e=bc`"),
        (format!("{base},e=t,ts={}", NOW - 60_000), "60 s behind"),
        (format!("{base},e=t,ts=1795000000"), "13 digits"),
        (format!("{base},e=t,ts={NOW},zzz=3"), "A key that the standard does not have: `zzz=…`"),
        (format!("{base},e=t,ts={NOW},df=3"), "`df=…`. Send `dfa`"),
        (format!("{base},e=t,ts={NOW},cdn=\"x\""), "`h` for the host"),
        (format!("{base},e=t,ts={NOW},bl=\"x\""), "`bl=…`. Send a list of whole numbers"),
        (format!("{base},e=t,ts={NOW},bl=\"x\",bl=(1)"), "`bl=…`. Send a list of whole numbers"),
        (format!("{base},e=t,ts={NOW},bl=(1,mtp=(1 2"), "not a structured field: `bl`"),
        (format!("{base},e=t,ts={NOW},com.x-y=(1 2)"), "`com.x-y=…`. Send a string"),
        (format!("{base},e=t,ts={NOW},com.x-y=\"{}\"", "x".repeat(65)), "at most 64 characters"),
        (format!("{base},bl=\"x\",d=\"x\",e=t,ts={NOW},y=1,z=1"), "Values lost in all: 2, keys: 2"),
        (
            format!("{base},bl=\"x\",d=\"x\",e=t,nrr=\"0-9\",ts={NOW}"),
            "Values lost in all: 2, keys: 0",
        ),
        (format!("{base},com.{}-y=1,e=t,ts={NOW}", "x".repeat(65)), "and at most 64 characters"),
        (format!("e=t,sid=\"a\",ts={NOW}"), "without `v=2`"),
        (format!("e=t,sid=\"a\",ts={NOW}"), "No `sn`"),
        (format!("e=t,sid=\"a\",ts={NOW}"), "No `cid`"),
        (format!("e=t,ts={NOW}"), "no usable `sid`"),
        ("{\"e\":\"t\"}".to_owned(), "/v1/events"),
        (base.to_owned(), "no `e`"),
    ] {
        let wrong = of(&text);
        assert!(wrong.iter().any(|one| one.contains(says)), "{text}: {wrong:?}");
    }
}

fn of_json(text: &str) -> Vec<String> {
    let mut record = Record::default();
    let read = parse_event(text, &mut record).map(|_| &record);
    wrong(read, (Mode::Event, "events"), NOW)
}

#[test]
fn a_json_event_is_judged_as_json() {
    let good = format!(
        r#"{{"type":"player","sid":"a","cid":"demo","e":"ps","sta":"p","sn":0,"br":[600],"ts":{NOW},"com.x-y":"1"}}"#
    );
    assert_eq!(of_json(&good), Vec::<String>::new());
    for (from, to, says) in [
        (r#""br":[600]"#, r#""br":"x""#, "`br`. Send a list of whole numbers"),
        (r#""cid""#, r#""contentId""#, "does not have: `contentId`"),
        (r#""com.x-y":"1""#, r#""com.x-y":[1]"#, "`com.x-y`. Send a string"),
        (r#""com.x-y""#, r#""https://u:p@h/a-b?t=x""#, "does not have: `https=…`."),
        (r#""com.x-y""#, r#""?t""#, "does not have: `…`."),
        (r#""sta":"p","#, "", "without the state `sta`"),
        (r#""e":"ps""#, r#""e":"e""#, "without its code `ec`"),
        (r#""e":"ps""#, r#""e":"zz""#, "does not have: `e=zz`"),
        (r#""sta":"p""#, r#""sta":"x""#, "does not have: `sta=x`"),
    ] {
        let wrong = of_json(&good.replace(from, to));
        assert!(wrong[0].contains(says), "{wrong:?}");
    }
}
