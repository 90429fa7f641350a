//! Restores what an earlier run of this service left in the log.

use tallylight_schemas::control::{
    ActionKind, ActionRow, ActionState, Culprit, IncidentRow, IncidentState,
};

use super::share::WHOLE;
use super::state::{Effect, State, mode_of};
use super::{act, incidents, masks};

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
            if row.culprit == Culprit::Edge
                && row.state != IncidentState::Closed
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
            if let Some(why) = self.is_over(&row, mode.as_ref()) {
                act::end(self, row, why, now_ms, out);
                continue;
            }
            let pathway = act::pathway(&row);
            if let Some(pathway) = pathway.filter(|_| row.state == ActionState::Taken) {
                let length = (row.share * f64::from(WHOLE)).round() as u32;
                let places = self.routes.free(&row.target, length);
                self.routes.put(&row.target, &places, &pathway, &row.id);
                // Viewers moved shortly before are not moved again at once.
                let taken = row.taken_at.unwrap_or(row.at);
                self.note_moved(&row.target, &places, (taken / 1_000).min(now_ms));
            }
            self.actions.insert(row.id.clone(), row);
        }
        masks::restore(self);
        self.restored = true;
    }

    /// Whether an open incident is about an edge that is no longer in the settings: it would never
    /// be found healthy.
    fn is_lost(&self, row: &IncidentRow) -> bool {
        let known = row.name.as_ref().is_none_or(|edge| self.edges.contains_key(edge));
        row.culprit == Culprit::Edge && row.state != IncidentState::Closed && !known
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
        let known = |edge: &String| self.edges.contains_key(edge);
        let moves = act::pathway(row).is_some();
        let set_since =
            row.kind == ActionKind::SetMode && mode.is_some_and(|mode| mode.id != row.id);
        if row.state != ActionState::Taken {
            None
        } else if row.kind == ActionKind::ReturnEdge {
            Some("Brought back; not counted, as steering restarted")
        } else if set_since {
            Some("Over: the mode was set again")
        } else if moves && !(known(&row.target) && row.to.as_ref().is_none_or(known)) {
            Some("Over: one of its edges is no longer in the settings")
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
