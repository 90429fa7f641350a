//! Playback panes as gauges and partials. A session adds itself to the gauge of its state
//! when it enters and takes itself out when it leaves; nothing is done in between. In a pane
//!
//! `time in state = sessions in it at the pane's start × width + Σ ±(pane end − t)`
//!
//! over the enters (+) and leaves (−) at times t in the pane, and the number at the start is the
//! sum of enters minus leaves before it. So a viewer who sends nothing for 30 s counts in each of
//! the 30 panes, the cost is per event, and an effect is undone by the same sum with the other
//! sign.

mod cell;
mod cells;
mod contest;
mod emit;
mod hot;
mod pane;

pub(crate) use cell::other_cell;
pub use cells::{Cells, Stand, Windows};
pub use pane::{Counts, Presence, Watching};
