//! The plan at work: which width the line has now, and when the viewer has had enough.

use crate::plan::{End, SessionPlan};
use crate::pure::playback::State;

/// What carries nothing worth the name: a spell of it empties any buffer.
const STARVED_KBPS: u32 = 2;

/// Where in its plan a session is.
#[derive(Debug)]
pub(super) struct Script {
    plan: SessionPlan,
    pressed_us: i64,
    first_frame_us: Option<i64>,
    next_throttle: usize,
    throttled: bool,
}

/// What the plan wants at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// Width of the line, kbps.
    pub(super) kbps: u32,
    /// Leave now.
    pub(super) leave: bool,
    /// From now on ask for what is gone.
    pub(super) break_requests: bool,
    /// When to look again.
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
    /// `slow` is a line made slower from outside, kbps.
    pub(super) fn wish(
        &mut self,
        now_us: i64,
        state: State,
        since_us: i64,
        slow: Option<u32>,
    ) -> Wish {
        let ends_us = match self.plan.end {
            End::StartFails => None,
            End::GivesUp(after) | End::Leaves(after) | End::Fails(after) => {
                Some(self.pressed_us + us(after))
            }
        };
        let over = ends_us.is_some_and(|at| at <= now_us);
        let gives_up = matches!(self.plan.end, End::GivesUp(_));
        let spell_us = self.spell(now_us, state, since_us);
        Wish {
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

    /// Moves through the slow spells; answers when the next move may be due.
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
