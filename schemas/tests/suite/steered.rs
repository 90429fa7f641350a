//! Incidents and actions, with every field and with only the required ones.

use tallylight_schemas::control::{
    ActionKind, ActionRow, ActionState, Culprit, IncidentRow, IncidentState, Severity,
};

pub(crate) fn actions() -> Vec<ActionRow> {
    let full = ActionRow {
        tenant: "demo".into(),
        id: "shift-e1-1732412345".into(),
        incident: Some("edge-e1-1732412343".into()),
        at: 1_732_412_345_000_000,
        taken_at: Some(1_732_412_347_000_000),
        kind: ActionKind::ShiftEdge,
        target: "e1".into(),
        to: Some("e2".into()),
        share: 0.65,
        viewers: 40,
        load_after: Some(0.93),
        title: "Move 40 of 61 viewers from e1 to e2".into(),
        evidence: r#"[{"what":"first byte","value":"1.62 s","was":"0.04 s"}]"#.into(),
        forecast: "First bytes after 0.04 s".into(),
        undo: Some("One click, or 30 s of health".into()),
        undo_of: Some("x".into()),
        state: ActionState::Offered,
        acts_at: Some(1_732_412_347_000_000),
        outcome: Some("40 of 61 viewers moved in 11 s".into()),
        by: "steering".into(),
        updated_at: 1_732_412_346_000_000,
    };
    let bare = ActionRow {
        incident: None,
        taken_at: None,
        to: None,
        load_after: None,
        undo: None,
        undo_of: None,
        acts_at: None,
        outcome: None,
        ..full.clone()
    };
    vec![full, bare]
}

pub(crate) fn incidents() -> Vec<IncidentRow> {
    let full = IncidentRow {
        tenant: "demo".into(),
        id: "edge-e1-1732412343".into(),
        opened_at: 1_732_412_343_000_000,
        symptom_at: Some(1_732_412_341_000_000),
        well_since: Some(1_732_412_370_000_000),
        closes_at: Some(1_732_412_400_000_000),
        closed_at: Some(1_732_412_400_000_000),
        cause: "Edge e1 answers slowly".into(),
        culprit: Culprit::Edge,
        name: Some("e1".into()),
        cohort: "viewers of edge e1".into(),
        viewers: 61,
        severity: Severity::Broken,
        evidence: "[]".into(),
        no_action: Some("Nobody is on edge e1".into()),
        no_action_until: Some(1_732_412_360_000_000),
        owner: Some("me".into()),
        state: IncidentState::Closed,
        notes: Some(r#"[{"at":1732412350000000,"by":"me","text":"seen"}]"#.into()),
        updated_at: 1_732_412_400_000_000,
    };
    let bare = IncidentRow {
        symptom_at: None,
        well_since: None,
        closes_at: None,
        closed_at: None,
        name: None,
        no_action: None,
        no_action_until: None,
        owner: None,
        notes: None,
        ..full.clone()
    };
    vec![full, bare]
}
