//! The plan at work: the line's bandwidth at each moment, and when the viewer leaves.

use crate::plan::{End, SessionPlan};
use crate::pure::playback::State;

/// A line this slow empties any buffer.
const STARVED_KBPS: u32 = 2;

/// A session's progress through its plan.
#[derive(Debug)]
pub(super) struct Script {
    plan: SessionPlan,
    pressed_us: i64,
    first_frame_us: Option<i64>,
    next_throttle: usize,
    throttled: bool,
}

/// What the plan asks for at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Bandwidth of the line, kbps.
    pub(super) kbps: u32,
    /// Leave now.
    pub(super) leave: bool,
    /// From now on, request segments that are gone.
    pub(super) break_requests: bool,
    /// When to check again.
    pub(super) again_us: Option<i64>,
}

fn us(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Script {
    pub(super) fn new(plan: SessionPlan, pressed_us: i64) -> Self {
        Self { plan, pressed_us, first_frame_us: None, next_throttle: 0, throttled: false }
    }

    pub(super) fn plan(&self) -> &SessionPlan {
        &self.plan
    }

    pub(super) fn first_frame(&mut self, at_us: i64) {
        self.first_frame_us.get_or_insert(at_us);
    }

    /// What to do at `now_us`, the viewer having been in `state` since `since_us`.
    /// `slow` limits the line from outside the plan, kbps.
    pub(super) fn instruction(
        &mut self,
        now_us: i64,
        state: State,
        since_us: i64,
        slow: Option<u32>,
    ) -> Instruction {
        let ends_us = match self.plan.end {
            End::StartFails => None,
            End::GivesUp(after) | End::Leaves(after) | End::Fails(after) => {
                Some(self.pressed_us + us(after))
            }
        };
        let over = ends_us.is_some_and(|at| at <= now_us);
        let gives_up = matches!(self.plan.end, End::GivesUp(_));
        let spell_us = self.spell(now_us, state, since_us);
        Instruction {
            kbps: match slow {
                _ if gives_up || self.throttled => STARVED_KBPS,
                Some(slow) => slow.min(self.plan.line_kbps),
                None => self.plan.line_kbps,
            },
            leave: over && !matches!(self.plan.end, End::Fails(_)),
            break_requests: over && matches!(self.plan.end, End::Fails(_)),
            again_us: ends_us.filter(|at| *at > now_us).into_iter().chain(spell_us).min(),
        }
    }

    /// Moves through the slow spells; returns when the next move may be due.
    fn spell(&mut self, now_us: i64, state: State, since_us: i64) -> Option<i64> {
        let spell = *self.plan.throttles.get(self.next_throttle)?;
        if !self.throttled {
            let starts_us = self.first_frame_us? + us(spell.after);
            if starts_us > now_us {
                return Some(starts_us);
            }
            self.throttled = true;
        }
        if state != State::Rebuffering {
            return None;
        }
        let recovers_us = since_us + us(spell.stall);
        if recovers_us > now_us {
            return Some(recovers_us);
        }
        self.throttled = false;
        self.next_throttle += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use tallylight_schemas::grid::Grid;

    use super::super::download::{START_BEHIND, newest};
    use super::*;
    use crate::Settings;
    use crate::plan::Plan;
    use crate::pure::playback::Playback;

    /// A step of time: two hundred of them are a segment.
    const STEP_US: i64 = 10_000;

    /// How often a player of this plan stalls, and how often it plays on. A line that is not slow
    /// brings each segment at once.
    fn stalls(plan: SessionPlan, pressed_us: i64) -> (u32, u32) {
        let (grid, mut now) = (Grid::DEMO, pressed_us);
        let mut next = newest(grid, now) - START_BEHIND;
        let mut playback = Playback::new(grid.start_us(next), grid.duration_us());
        let (mut script, mut since, mut counts) = (Script::new(plan, now), now, (0, 0));
        loop {
            if let Some(change) = playback.advance(now) {
                since = change.at_us;
                counts.0 += 1;
            }
            let told = script.instruction(now, playback.state(), since, None);
            if told.leave {
                return counts;
            }
            if told.kbps > STARVED_KBPS && next <= newest(grid, now) {
                next += 1;
                if let Some(change) = playback.append(grid.start_us(next), now) {
                    counts.1 += u32::from(script.first_frame_us.is_some());
                    script.first_frame(change.at_us);
                    since = change.at_us;
                }
            }
            now += STEP_US;
        }
    }

    #[test]
    fn every_stall_of_a_script_that_just_has_time_for_it_begins_and_ends() {
        for count in 1..=2 {
            let lasting = |duration_s| Settings {
                duration_s,
                stalls_per_viewer: count,
                ..Settings::default()
            };
            let settings = (1..).map(lasting).find(|settings| settings.validate().is_ok()).unwrap();
            // One press of Play for each moment of a segment.
            for (at, mut sessions) in (0..).zip(Plan::scripted(&settings).viewers) {
                let pressed_us = 1_795_000_000_000_000 + at * STEP_US;
                let counts = stalls(sessions.remove(0), pressed_us);
                assert_eq!(counts, (count, count), "viewer {at} of {settings:?}");
            }
        }
    }
}
