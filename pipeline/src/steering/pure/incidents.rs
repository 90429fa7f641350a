//! Incidents: opened by a finding, kept up to date while it lasts, and closed after its subject has
//! been healthy for a while.

use tallylight_schemas::control::{Culprit, IncidentRow, IncidentState, Severity};

use super::act::STEERING;
use super::inputs::Inputs;
use super::masks;
use super::state::{Effect, State};
use super::words::Evidence;

/// A record that stays open or in force is written again after this time, ms, so that it does not
/// expire from the feed.
pub(super) const AGAIN_MS: i64 = 300_000;

/// A milder finding renames its incident only after this time, ms: during recovery a part is
/// briefly less ill.
const MILDER_MS: i64 = 10_000;
/// Figures change all the time; a record is updated after this time, ms.
const FOLLOWS_MS: i64 = 5_000;
/// An encoder that the origin has not listed for this long is expected no more, ms. One that is
/// expected is listed, as missing, half a minute after a start at the latest.
const UNLISTED_MS: i64 = 120_000;

/// Most bytes of a note's text, as JSON.
pub(super) const NOTE_BYTES: usize = 6_000;
/// Most notes of a record, and most bytes of all of them as JSON: the collector refuses a record
/// over 8 KiB.
const NOTES: usize = 20;
const NOTES_BYTES: usize = 8_000;

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The prefix of the incident's id.
    pub key: String,
    /// One sentence.
    pub cause: String,
    /// The kind of part.
    pub culprit: Culprit,
    /// The name of the part.
    pub name: Option<String>,
    /// The unit of the impact.
    pub cohort: String,
    /// The size of the impact.
    pub viewers: i64,
    /// The severity.
    pub severity: Severity,
    /// The evidence.
    pub evidence: Evidence,
    /// When it began, Unix ms.
    pub symptom_at: Option<i64>,
}

/// Opens an incident or updates the open one; returns its id.
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
    // It had a milder title meanwhile.
    let back = (!milder || again) && state.milder.remove(&id).is_some();
    let named = !milder || is_milder_for_long(state, &id, now_ms);
    let renamed = named && finding.cause != row.cause;
    let moved = renamed || row.evidence != finding.evidence.text();
    let due = now_ms * 1_000 - row.updated_at >= FOLLOWS_MS * 1_000;
    // Immediately if it is worse than the record says.
    if worse || again || (back && renamed) || (moved && due) {
        if renamed && finding.severity != row.severity {
            // "Seen first" belongs to the earlier title: the notes say until when that held.
            note_name(&mut row, now_ms);
        }
        if named {
            row.cause = finding.cause;
        }
        if worse {
            row.cohort = finding.cohort;
        }
        // The worst value stays in the record.
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

/// Notes the earlier title of an incident; once, however often it alternates.
fn note_name(row: &mut IncidentRow, now_ms: i64) {
    let before = format!("Until now: {}", row.cause);
    let text = serde_json::Value::from(before.as_str()).to_string();
    if !row.notes.as_ref().is_some_and(|notes| notes.contains(&text)) {
        note(row, STEERING, &before, now_ms);
    }
}

/// Notes that an incident's subject is healthy now; closes it after `after_ms` of that.
pub fn recovered(state: &mut State, key: &str, after_ms: i64, now_ms: i64, out: &mut Vec<Effect>) {
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

/// Notes since when the subject has been healthy if the incident stays open because its viewers are
/// still elsewhere; `None` if the subject is not healthy.
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

/// Closes the incidents of encoders that the origin lists no more.
pub fn unlisted(state: &mut State, inputs: &Inputs, now_ms: i64, out: &mut Vec<Effect>) {
    let gone = |row: &&IncidentRow| {
        let is_open = row.culprit == Culprit::Encoder && row.state != IncidentState::Closed;
        let name = row.name.as_ref();
        let is_listed = name.is_none_or(|name| inputs.pipelines.contains_key(name));
        is_open && inputs.origin_answers && !is_listed
    };
    let gone: Vec<IncidentRow> = state.incidents.values().filter(gone).cloned().collect();
    state.unlisted.retain(|id, _| gone.iter().any(|row| row.id == *id));
    for row in gone {
        let since = *state.unlisted.entry(row.id.clone()).or_insert(now_ms);
        if now_ms - since >= UNLISTED_MS {
            let name = row.name.clone().unwrap_or_default();
            close(state, row, now_ms, out);
            let why = "The origin does not list the pipeline any more";
            masks::use_again(state, &name, why, now_ms, out);
        }
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
