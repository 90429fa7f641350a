//! Control records as the feed and the steering API show them: times in Unix ms, lists as
//! JSON arrays. What was written can be read back, to the millisecond.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ActionRow, IncidentRow};

/// Fields that are times.
const TIMES: [&str; 10] = [
    "opened_at",
    "symptom_at",
    "well_since",
    "closes_at",
    "closed_at",
    "no_action_until",
    "updated_at",
    "at",
    "taken_at",
    "acts_at",
];
/// Fields that are lists, stored as text.
const LISTS: [&str; 2] = ["evidence", "notes"];

/// An action.
pub fn action(row: &ActionRow) -> Value {
    show(row)
}

/// An incident.
pub fn incident(row: &IncidentRow) -> Value {
    show(row)
}

/// An action from what [`action`] wrote; `None` if it is not an action.
pub fn read_action(value: &Value) -> Option<ActionRow> {
    read(value)
}

/// An incident from what [`incident`] wrote; `None` if it is not an incident.
pub fn read_incident(value: &Value) -> Option<IncidentRow> {
    read(value)
}

fn show<T: Serialize>(row: &T) -> Value {
    // Structs of strings and numbers always serialize.
    let mut value = serde_json::to_value(row).unwrap_or_default();
    let Some(object) = value.as_object_mut() else { return value };
    for name in TIMES {
        if let Some(field) = object.get_mut(name)
            && let Some(us) = field.as_i64()
        {
            *field = us.div_euclid(1_000).into();
        }
    }
    for name in LISTS {
        if let Some(field) = object.get_mut(name) {
            let list =
                field.as_str().and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
            *field = list.unwrap_or_default().into();
        }
    }
    if let Some(notes) = object.get_mut("notes").and_then(Value::as_array_mut) {
        for at in notes.iter_mut().filter_map(|note| note.get_mut("at")) {
            if let Some(us) = at.as_i64() {
                *at = us.div_euclid(1_000).into();
            }
        }
    }
    value
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    let mut value = value.clone();
    let object = value.as_object_mut()?;
    if let Some(notes) = object.get_mut("notes").and_then(Value::as_array_mut) {
        for at in notes.iter_mut().filter_map(|note| note.get_mut("at")) {
            if let Some(ms) = at.as_i64() {
                *at = ms.saturating_mul(1_000).into();
            }
        }
    }
    for name in TIMES {
        if let Some(field) = object.get_mut(name)
            && let Some(ms) = field.as_i64()
        {
            *field = ms.saturating_mul(1_000).into();
        }
    }
    for name in LISTS {
        if let Some(field) = object.get_mut(name) {
            *field = field.to_string().into();
        }
    }
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_become_ms_and_lists_become_lists_and_back() {
        let stored = json!({
            "tenant": "demo", "id": "edge-e1-1", "opened_at": 1_764_103_200_123_000_i64,
            "symptom_at": null, "cause": "Edge e1 answers slowly", "culprit": "edge",
            "name": "e1", "cohort": "viewers of edge e1", "viewers": 61, "severity": "broken",
            "evidence": r#"[{"what":"first byte","value":"1.62 s","was":"0.04 s"}]"#,
            "state": "open", "updated_at": 1_764_103_201_000_000_i64,
            "notes": r#"[{"at":1764103200123000,"by":"me","text":"seen"}]"#,
        });
        let row: IncidentRow = serde_json::from_value(stored).unwrap();
        let shown = incident(&row);
        assert_eq!(shown["opened_at"], 1_764_103_200_123_i64);
        assert_eq!(shown["evidence"][0]["was"], "0.04 s");
        assert_eq!(shown["notes"][0]["at"], 1_764_103_200_123_i64);
        assert_eq!(shown["closed_at"], Value::Null);
        let mut back = read_incident(&shown).unwrap();
        assert_eq!(incident(&back), shown);
        back.evidence = "no list".into();
        assert_eq!(incident(&back)["evidence"], json!([]));
        assert_eq!(read_action(&shown), None);
    }
}
