//! Control records: incidents and actions, as the steering service writes them.

use serde_json::Value;
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::fates::Reason;

use super::delivery::NAME_BYTES;

/// Longest list of evidence or notes, and longest text, bytes.
const TEXT_BYTES: usize = 8 << 10;

/// Reads an action. Its tenant is that of the write key, whatever the record says.
pub fn action(value: Value, tenant: &str) -> Result<ActionRow, Reason> {
    let row: ActionRow =
        serde_json::from_value(owned(value, tenant)).map_err(|_| Reason::BadShape)?;
    let names = [Some(&row.id), Some(&row.target), Some(&row.by)];
    let more = [&row.incident, &row.to, &row.undo_of].map(Option::as_ref);
    let texts = [Some(&row.title), Some(&row.forecast), row.undo.as_ref(), row.outcome.as_ref()];
    check(&row.id, names.into_iter().chain(more), texts)?;
    lists(&[Some(&row.evidence)])?;
    if row.share.is_finite() { Ok(row) } else { Err(Reason::BadShape) }
}

/// Reads an incident, likewise.
pub fn incident(value: Value, tenant: &str) -> Result<IncidentRow, Reason> {
    let row: IncidentRow =
        serde_json::from_value(owned(value, tenant)).map_err(|_| Reason::BadShape)?;
    let names = [Some(&row.id), row.name.as_ref(), row.owner.as_ref()];
    check(&row.id, names, [Some(&row.cause), Some(&row.cohort), None, None])?;
    lists(&[Some(&row.evidence), row.notes.as_ref()])?;
    Ok(row)
}

fn owned(mut value: Value, tenant: &str) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.insert("tenant".into(), tenant.into());
    }
    value
}

fn check<'a>(
    id: &str,
    names: impl IntoIterator<Item = Option<&'a String>>,
    texts: [Option<&String>; 4],
) -> Result<(), Reason> {
    if id.is_empty() {
        return Err(Reason::BadShape);
    }
    let long = names.into_iter().flatten().any(|name| name.len() > NAME_BYTES);
    let wordy = texts.into_iter().flatten().any(|text| text.len() > TEXT_BYTES);
    if long || wordy { Err(Reason::TooLong) } else { Ok(()) }
}

/// Lists are stored as text, which readers must be able to parse.
fn lists(all: &[Option<&String>]) -> Result<(), Reason> {
    for text in all.iter().copied().flatten() {
        if text.len() > TEXT_BYTES {
            return Err(Reason::TooLong);
        }
        serde_json::from_str::<Vec<Value>>(text).map_err(|_| Reason::BadShape)?;
    }
    Ok(())
}
