//! Why nothing is offered about an incident: the one reason that holds now, not a list of all.

use tallylight_schemas::control::{ActionRow, ActionState, Culprit, IncidentRow, IncidentState};

use super::decide::sees;
use super::health::Health;
use super::inputs::Inputs;
use super::masks;
use super::plan::{movable, targets};
use super::share::WHOLE;
use super::state::{Effect, State};
use crate::steering::settings::Mode;

/// A reason, without figures that change all the time, and, if it ends by itself, until when it
/// holds, Unix ms.
type Reason = (String, Option<i64>);

/// Sets the reason of every open incident for which nothing is offered. `hold`: no edge is acted on
/// now.
pub fn explain(state: &mut State, inputs: &Inputs, hold: bool, now_ms: i64, out: &mut Vec<Effect>) {
    let open = |row: &&IncidentRow| row.state != IncidentState::Closed;
    for mut row in state.incidents.values().filter(open).cloned().collect::<Vec<_>>() {
        let reason = if is_answered(state, &row) {
            None
        } else {
            Some(why(state, inputs, &row, hold, now_ms))
        };
        let (text, until) = reason.map_or((None, None), |(text, until)| (Some(text), until));
        let until = until.map(|ms| ms * 1_000);
        if row.no_action != text || row.no_action_until != until {
            (row.no_action, row.no_action_until) = (text, until);
            state.put_incident(row, now_ms, out);
        }
    }
}

/// Whether something is offered or in force.
fn is_answered(state: &State, row: &IncidentRow) -> bool {
    let live =
        |action: &ActionRow| matches!(action.state, ActionState::Offered | ActionState::Taken);
    state.actions_about(&row.id).any(live)
}

fn why(state: &State, inputs: &Inputs, row: &IncidentRow, hold: bool, now_ms: i64) -> Reason {
    let always = |text: &str| (text.to_owned(), None);
    if row.well_since.is_some() {
        return always("It has recovered, so there is nothing to do.");
    }
    let name = row.name.as_deref().unwrap_or_default();
    match row.culprit {
        Culprit::Telemetry => always("Steering keeps its last decision until rows come again."),
        Culprit::Origin => always("Every edge is bad together: moving viewers would not help."),
        Culprit::Device => always("No edge is at fault: moving these viewers would not help."),
        _ if !state.restored => always(
            "What was done before steering started is not read yet: it offers nothing. You can act \
             by hand.",
        ),
        _ if state.mode == Mode::Observe => {
            always("Steering only observes, so it offers nothing. You can act by hand.")
        }
        Culprit::Encoder => turned_down(state, row)
            .unwrap_or_else(|| (encoder(state, inputs, name).to_owned(), None)),
        Culprit::Edge => turned_down(state, row).unwrap_or_else(|| {
            if !sees(inputs) {
                return always("Rows are missing or old, so steering moves no viewers.");
            }
            if hold {
                return always(
                    "Every edge has symptoms: steering waits a moment to see what they share.",
                );
            }
            edge(state, inputs, name, now_ms)
        }),
    }
}

/// What prevents a mask for an encoder's bad segments.
fn encoder(state: &State, inputs: &Inputs, name: &str) -> &'static str {
    let Some(pipeline) = inputs.pipelines.get(name) else {
        return if inputs.origin_answers {
            "The origin lists no segment of it yet, so nothing can be masked."
        } else {
            "The origin does not answer, so nothing can be masked."
        };
    };
    let bad = || pipeline.copies.iter().rev().take(3).filter(|copy| copy.bad.is_some());
    let others = || inputs.pipelines.iter().filter(|(other, _)| *other != name);
    let is_healthy = |of: &super::inputs::Pipeline| !of.copies.is_empty() && of.bad_of_last(3) == 0;
    if pipeline.masked {
        "The origin ignores it already."
    } else if bad().any(|copy| copy.bad_served) && !masks::is_spare(state, inputs, name) {
        "No other encoder has good segments, and a bad picture is better than none."
    } else if bad().any(|copy| copy.bad_served) {
        "One bad segment is not a pattern: it is masked after two of three."
    } else if bad().any(|copy| copy.slate) {
        "No encoder has good segments, so there is none to switch to."
    } else if others().any(|(_, other)| is_healthy(other)) {
        "Viewers need nothing: the origin serves another encoder's copy. Until this one is back there is no spare."
    } else {
        "Viewers need nothing yet: the origin serves what is good of either."
    }
}

/// An operator rejected it: it is not offered twice.
fn turned_down(state: &State, row: &IncidentRow) -> Option<Reason> {
    let no = state.actions_about(&row.id).filter(|action| state.is_no(action));
    // Its record is written again and again, so its time means nothing.
    let newest = no.max_by_key(|action| action.at)?;
    let said = newest.outcome.as_deref().unwrap_or("Turned down");
    Some((format!("{said}: steering offers no more about this incident."), None))
}

/// That no viewers of an edge are left to move or cap. Those that were sent there from other edges
/// are not moved on.
pub(super) fn nobody_left(state: &State, edge: &str) -> String {
    let (own, stay) = match state.routes.guests(edge) {
        0 => ("", ""),
        _ => (" itself", ", and those sent there from other edges stay"),
    };
    format!("viewers of edge {edge}{own} are sent elsewhere or capped already{stay}")
}

/// Why no viewers of an edge can be moved or capped now.
pub(super) fn edge(state: &State, inputs: &Inputs, name: &str, now_ms: i64) -> Reason {
    if state.routes.free(name, WHOLE).is_empty() {
        return (format!("All {}.", nobody_left(state, name)), None);
    }
    if movable(state, name, now_ms).is_empty() {
        let moved = state.moved.get(name).into_iter().flatten();
        let until = moved.map(|moved| moved.at + state.policy.once_ms());
        let until = until.filter(|until| *until > now_ms).min();
        let text =
            "Its viewers were moved a moment ago, and steering moves no viewer twice in a minute.";
        return (text.to_owned(), until);
    }
    let since = state.edges.get(name).and_then(|edge| edge.symptom_at).unwrap_or(i64::MIN);
    let fit = targets(state, inputs, name, since);
    let Some(first) = fit.first() else {
        let others = state.edges.iter().filter(|(other, _)| *other != name);
        let words: Vec<String> = others
            .map(|(other, edge)| match edge.health {
                Health::Good if edge.full => format!("edge {other} is full"),
                Health::Good if edge.symptom_at.is_none() => {
                    format!("edge {other} was not probed since")
                }
                _ => format!("edge {other} is not healthy"),
            })
            .collect();
        let text =
            if words.is_empty() { "there is no other edge".into() } else { words.join("; ") };
        return (format!("No viewers can be moved: {text}."), None);
    };
    if let Some(to) = fit.iter().find(|to| state.settles(to, now_ms)) {
        let text =
            format!("Edge {to} was sent viewers a moment ago; what they take up shows first.");
        return (text, state.sent.get(to).map(|at| at + state.policy.settle_ms()));
    }
    let text = match inputs.load(first) {
        None => format!("Edge {first} does not report its load, so no viewers are sent there."),
        Some(_) => format!("Edge {first} has no room left that steering may use."),
    };
    (text, None)
}
