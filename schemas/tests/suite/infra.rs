//! A data point about a machine with every field said, and one with every field unsaid.

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
