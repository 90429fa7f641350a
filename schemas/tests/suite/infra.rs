//! A data point with every field set, and one with every optional field unset; dead letters
//! likewise.

use tallylight_schemas::dead::{DeadLetter, GAP, KEPT_BYTES, cut};
use tallylight_schemas::infra::{Attribute, InfraKind, InfraMetric};

pub(crate) fn infra_metrics() -> Vec<InfraMetric> {
    let full = InfraMetric {
        tenant: "demo".into(),
        received_at: 1_732_412_346_000_000,
        time: 1_732_412_345_000_000,
        started_at: Some(1_732_412_340_000_000),
        service: "edge".into(),
        instance: Some("h1".into()),
        scope: Some("runtime".into()),
        name: "http.server.request.duration".into(),
        kind: InfraKind::Histogram,
        delta: Some(false),
        value: Some(1.5),
        count: Some(3),
        min: Some(0.1),
        max: Some(1.0),
        unit: Some("s".into()),
        attributes: vec![Attribute { k: "region".into(), v: "eu".into() }],
        trusted: true,
    };
    let bare = InfraMetric {
        started_at: None,
        instance: None,
        scope: None,
        kind: InfraKind::Gauge,
        delta: None,
        value: None,
        count: None,
        min: None,
        max: None,
        unit: None,
        attributes: Vec::new(),
        trusted: false,
        ..full.clone()
    };
    vec![full, bare]
}

pub(crate) fn dead_letters() -> Vec<DeadLetter> {
    let full = DeadLetter {
        tenant: "demo".into(),
        received_at: 1_732_412_346_000_000,
        source: "cmcd".into(),
        reason: "no_sid".into(),
        record: Some("e=ps,sta=p".into()),
        bytes: Some(10),
        kind: Some(1),
        hash: Some(u64::MAX),
        shard: Some(0),
        partition: Some(3),
        part: Some(2),
    };
    let bare = DeadLetter { tenant: "demo".into(), ..DeadLetter::default() };
    vec![full, bare]
}

#[test]
fn cut_text_is_within_the_limit_and_marked() {
    for text in ["a", "ä", "…", "😀", "aä…😀"] {
        for times in [1, KEPT_BYTES / text.len(), KEPT_BYTES / text.len() + 1, KEPT_BYTES] {
            let whole = text.repeat(times);
            let kept = cut(whole.clone());
            assert!(kept.len() <= KEPT_BYTES && kept.len() + 7 >= whole.len().min(KEPT_BYTES));
            assert!(kept == whole || kept.ends_with(GAP));
        }
    }
}
