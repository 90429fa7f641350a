//! Incidents: opened when something is found, kept up to date while it lasts, closed after it
//! has been well for a while.

use tallylight_schemas::control::{Culprit, IncidentRow, IncidentState, Severity};

use super::act::STEERING;
use super::state::{Effect, State};
use super::words::Evidence;

/// A record that stays open or in force is written again after this time, ms, so that it does not
/// grow old in the feed.
pub(super) const AGAIN_MS: i64 = 300_000;

/// A finding that is milder than its incident gives it a name only after this time, ms: what gets
/// well is less ill for a moment.
const MILDER_MS: i64 = 10_000;
/// Figures move all the time; a record follows after this time, ms.
const FOLLOWS_MS: i64 = 5_000;

/// Most bytes of a note's text, as JSON.
pub(super) const NOTE_BYTES: usize = 6_000;
/// Most notes of a record, and most bytes of all of them as JSON: a record with more than 8 KiB is
/// refused at the door.
const NOTES: usize = 20;
const NOTES_BYTES: usize = 8_000;

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What the incident's id begins with.
    pub key: String,
    /// One sentence.
    pub cause: String,
    /// Which kind of part.
    pub culprit: Culprit,
    /// Which one of them.
    pub name: Option<String>,
    /// Whom it hits.
    pub cohort: String,
    /// How many.
    pub viewers: i64,
    /// How bad.
    pub severity: Severity,
    /// What speaks for it.
    pub evidence: Evidence,
    /// When it began, Unix ms.
    pub symptom_at: Option<i64>,
}

/// Opens an incident or keeps the open one up to date; its id.
pub fn found(state: &mut State, finding: Finding, now_ms: i64, out: &mut Vec<Effect>) -> String {
    let Some(mut row) = state.open(&finding.key).cloned() else {
        let row = IncidentRow {
            tenant: state.policy.tenant.clone(),
            id: format!("{}-{}", finding.key, now_ms / 1_000),
            opened_at: now_ms * 1_000,
            symptom_at: finding.symptom_at.map(|ms| ms * 1_000),
            well_since: None,
            closes_at: None,
            closed_at: None,
            cause: finding.cause,
            culprit: finding.culprit,
            name: finding.name,
            cohort: finding.cohort,
            viewers: finding.viewers,
            severity: finding.severity,
            evidence: finding.evidence.text(),
            no_action: None,
            no_action_until: None,
            owner: None,
            state: IncidentState::Open,
            notes: None,
            updated_at: 0,
        };
        let id = row.id.clone();
        state.put_incident(row, now_ms, out);
        return id;
    };
    let id = row.id.clone();
    let again = row.well_since.take().is_some();
    row.closes_at = None;
    let worse = finding.severity > row.severity;
    let milder = finding.severity < row.severity;
    // It was called something milder since.
    let back = (!milder || again) && state.milder.remove(&id).is_some();
    let named = !milder || is_milder_for_long(state, &id, now_ms);
    let renamed = named && finding.cause != row.cause;
    let moved = renamed || row.evidence != finding.evidence.text();
    let due = now_ms * 1_000 - row.updated_at >= FOLLOWS_MS * 1_000;
    // At once when it is worse than was said.
    if worse || again || (back && renamed) || (moved && due) {
        if renamed && finding.severity != row.severity {
            // "Seen first" is of the name before: the notes tell until when it had that.
            note_name(&mut row, now_ms);
        }
        if named {
            row.cause = finding.cause;
        }
        // What was worst stays said.
        row.severity = row.severity.max(finding.severity);
        row.viewers = row.viewers.max(finding.viewers);
        row.evidence = finding.evidence.text();
        state.put_incident(row, now_ms, out);
    }
    id
}

/// Whether an incident's part has been less ill than the incident says for a while.
fn is_milder_for_long(state: &mut State, id: &str, now_ms: i64) -> bool {
    let since = *state.milder.entry(id.to_owned()).or_insert(now_ms);
    now_ms - since >= MILDER_MS
}

/// Notes what an incident was called until now; once, however often it changes to and fro.
fn note_name(row: &mut IncidentRow, now_ms: i64) {
    let before = format!("Until now: {}", row.cause);
    let text = serde_json::Value::from(before.as_str()).to_string();
    if !row.notes.as_ref().is_some_and(|notes| notes.contains(&text)) {
        note(row, STEERING, &before, now_ms);
    }
}

/// Notes that what an incident is about is well now; closes it after `after_ms` of that.
pub fn well(state: &mut State, key: &str, after_ms: i64, now_ms: i64, out: &mut Vec<Effect>) {
    let Some(mut row) = state.open(key).cloned() else { return };
    let Some(closes_at) = row.closes_at else {
        row.well_since.get_or_insert(now_ms * 1_000);
        row.closes_at = Some((now_ms + after_ms) * 1_000);
        return state.put_incident(row, now_ms, out);
    };
    if now_ms * 1_000 >= closes_at {
        close(state, row, now_ms, out);
    }
}

/// Notes since when something is well whose incident does not close yet, as its viewers are still
/// elsewhere; `None` when it is not.
pub fn held(
    state: &mut State,
    key: &str,
    since_ms: Option<i64>,
    now_ms: i64,
    out: &mut Vec<Effect>,
) {
    let Some(mut row) = state.open(key).cloned() else { return };
    let since = since_ms.map(|ms| ms * 1_000);
    if row.well_since != since || row.closes_at.is_some() {
        (row.well_since, row.closes_at) = (since, None);
        state.put_incident(row, now_ms, out);
    }
}

/// Closes an incident.
pub fn close(state: &mut State, mut row: IncidentRow, now_ms: i64, out: &mut Vec<Effect>) {
    state.milder.remove(&row.id);
    row.state = IncidentState::Closed;
    row.closed_at = Some(now_ms * 1_000);
    state.put_incident(row, now_ms, out);
}

/// Adds a note.
pub fn note(row: &mut IncidentRow, by: &str, text: &str, now_ms: i64) {
    let old = row.notes.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mut notes: Vec<serde_json::Value> = old.unwrap_or_default();
    notes.push(serde_json::json!({"at": now_ms * 1_000, "by": by, "text": text}));
    // The oldest notes are in earlier records of the log.
    let bytes = |notes: &[serde_json::Value]| -> usize {
        notes.iter().map(|note| note.to_string().len() + 1).sum()
    };
    while notes.len() > NOTES || (notes.len() > 1 && bytes(&notes) > NOTES_BYTES) {
        notes.remove(0);
    }
    row.notes = Some(serde_json::Value::Array(notes).to_string());
}
