//! Which records matter most. What a lost heartbeat said, the next one says again; a lost start,
//! end or error is lost for good.

use tallylight_schemas::cmcd::{Key, Mode, Record};
use tallylight_schemas::delivery::{Action, DeliveryEvent};

/// From the last to be shed to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Errors, starts and ends: not shed one by one for the pressure of their tenant. They go with a
    /// request that is refused whole, and with all records of a session far above its own quota.
    Vital,
    /// A state change.
    State,
    /// No change, or one request among many.
    Heartbeat,
}

/// The priority of a player's record.
pub fn of_player(record: &Record<'_>, mode: Mode) -> Priority {
    if mode == Mode::Request {
        return Priority::Heartbeat;
    }
    match (record.text(Key::E), record.text(Key::Sta)) {
        // Playing is the first frame, and the end of a stall: without it, an end that is kept is an
        // exit before the start, and a stall that was kept never ends.
        (Some("e"), _) | (Some("ps"), Some("s" | "p" | "e" | "f" | "q")) => Priority::Vital,
        // The first report of a session, and the one that reports its startup time.
        _ if record.int(Key::Sn) == Some(0) || record.int(Key::Msd).is_some() => Priority::Vital,
        (Some("t" | "rr"), _) => Priority::Heartbeat,
        _ => Priority::State,
    }
}

/// The priority of a delivery event.
pub fn of_delivery(event: &DeliveryEvent) -> Priority {
    match event.action {
        _ if event.status >= 400 => Priority::Vital,
        Action::Get => Priority::Heartbeat,
        Action::Put | Action::Choice | Action::Load => Priority::State,
    }
}
