//! Restores what an earlier run of this service left in the log.

use tallylight_schemas::control::{
    ActionKind, ActionRow, ActionState, Culprit, IncidentRow, IncidentState,
};

use super::share::WHOLE;
use super::state::{Effect, State, mode_of};
use super::{act, incidents, masks};

/// Why an action is over or withdrawn whose edge is unknown.
const NO_EDGE: &str = "Over: one of its edges is no longer in the settings";

impl State {
    /// Restores what an earlier run of this service left in the log: its mode, the actions in
    /// force, the open incidents. Newer knowledge of this run stays.
    pub fn restore(
        &mut self,
        found: Vec<IncidentRow>,
        actions: Vec<ActionRow>,
        now_ms: i64,
        out: &mut Vec<Effect>,
    ) {
        let modes = actions.iter().chain(self.actions.values());
        let modes = modes.filter(|row| row.kind == ActionKind::SetMode);
        let mode = modes.max_by_key(|row| row.at).cloned();
        if let Some(newest) = &mode {
            self.mode = mode_of(&newest.target).unwrap_or(self.mode);
        }
        // Incidents come first: a rejection is kept only for an open incident.
        for row in found {
            if self.incidents.get(&row.id).is_some_and(|own| own.updated_at >= row.updated_at) {
                continue;
            }
            if self.is_lost(&row) {
                incidents::close(self, row, now_ms, out);
                continue;
            }
            let open = row.state != IncidentState::Closed;
            if open {
                self.close_own(&row, now_ms, out);
            }
            if open
                && row.culprit == Culprit::Edge
                && let Some(edge) = row.name.as_ref().and_then(|name| self.edges.get_mut(name))
            {
                // Players that fled from it wait for its health.
                edge.avoided = true;
            }
            self.incidents.insert(row.id.clone(), row);
        }
        let mut rows = actions;
        rows.sort_by_cached_key(taken_in_order);
        for row in rows {
            if self.actions.get(&row.id).is_some_and(|own| own.updated_at >= row.updated_at) {
                continue;
            }
            self.routes.remove(&row.target, &row.id);
            let taken = (row.taken_at.unwrap_or(row.at) / 1_000).min(now_ms);
            self.note_return(&row, taken, now_ms);
            if let Some(why) = self.is_over(&row, mode.as_ref()) {
                act::end(self, row, why, now_ms, out);
                continue;
            }
            if row.state == ActionState::Offered && !self.has_edges(&row) {
                act::dismiss(self, row, NO_EDGE, now_ms, out);
                continue;
            }
            let pathway = act::pathway(&row);
            if let Some(pathway) = pathway.filter(|_| row.state == ActionState::Taken) {
                let length = (row.share * f64::from(WHOLE)).round() as u32;
                let places = self.routes.free(&row.target, length);
                self.routes.put(&row.target, &places, &pathway, &row.id);
                // Viewers moved shortly before are not moved again at once.
                self.note_moved(&row.target, &places, taken);
                if let Some(to) = &row.to {
                    self.note_sent(to, taken);
                }
            }
            self.actions.insert(row.id.clone(), row);
        }
        masks::restore(self, now_ms);
        self.restored = true;
    }

    /// Closes the incident that this run opened about the same part before the log was read.
    fn close_own(&mut self, row: &IncidentRow, now_ms: i64, out: &mut Vec<Effect>) {
        let own = row.id.rsplit_once('-').and_then(|(key, _)| self.open(key));
        if let Some(own) = own.filter(|own| own.id != row.id).cloned() {
            incidents::close(self, own, now_ms, out);
        }
    }

    /// Remembers viewers who were brought back shortly before. The record does not say which of
    /// their edge's they were: none of those is moved again at once.
    fn note_return(&mut self, row: &ActionRow, taken: i64, now_ms: i64) {
        let was_taken = matches!(row.state, ActionState::Taken | ActionState::Ended);
        let lately = now_ms - taken < self.policy.once_ms();
        if row.kind == ActionKind::ReturnEdge && was_taken && lately {
            self.note_sent(&row.target, taken);
            self.note_moved(&row.target, &[(0, WHOLE)], taken);
        }
    }

    /// Remembers when viewers were sent to an edge.
    fn note_sent(&mut self, to: &str, at: i64) {
        let sent = self.sent.entry(to.to_owned()).or_insert(at);
        *sent = at.max(*sent);
    }

    /// Whether an open incident is about an edge that is no longer in the settings: it would never
    /// be found healthy.
    fn is_lost(&self, row: &IncidentRow) -> bool {
        let known = row.name.as_ref().is_none_or(|edge| self.edges.contains_key(edge));
        row.culprit == Culprit::Edge && row.state != IncidentState::Closed && !known
    }

    /// Whether the edges of a move or return are still in the settings.
    fn has_edges(&self, row: &ActionRow) -> bool {
        use ActionKind::{CapLadder, ReturnEdge, ShiftEdge};
        let known = |edge: &String| self.edges.contains_key(edge);
        !matches!(row.kind, ShiftEdge | CapLadder | ReturnEdge)
            || (known(&row.target) && row.to.as_ref().is_none_or(known))
    }

    /// Whether an action is a mask that was undone after it was taken.
    fn is_used_again(&self, row: &ActionRow) -> bool {
        // It may have been offered long before.
        let taken = |row: &ActionRow| row.taken_at.unwrap_or(row.at);
        let again = |other: &ActionRow| {
            other.kind == ActionKind::UnmaskPipeline
                && other.state == ActionState::Ended
                && other.target == row.target
                && taken(other) > taken(row)
        };
        row.kind == ActionKind::MaskPipeline && self.actions.values().any(again)
    }

    /// Why an action in force by the log is no longer in force; `mode`: the newest change of mode.
    fn is_over(&self, row: &ActionRow, mode: Option<&ActionRow>) -> Option<&'static str> {
        let set_since =
            row.kind == ActionKind::SetMode && mode.is_some_and(|mode| mode.id != row.id);
        if row.state != ActionState::Taken {
            None
        } else if row.kind == ActionKind::ReturnEdge {
            Some("Brought back; not counted, as steering restarted")
        } else if set_since {
            Some("Over: the mode was set again")
        } else if !self.has_edges(row) {
            Some(NO_EDGE)
        } else if self.is_used_again(row) {
            Some("Over: its pipeline was used again before the log was read")
        } else {
            None
        }
    }
}

/// The order in which actions were taken. At equal times, moves come before caps, in the order of
/// their names.
fn taken_in_order(row: &ActionRow) -> (i64, bool, String) {
    (row.taken_at.unwrap_or(row.at), row.kind == ActionKind::CapLadder, row.id.clone())
}
