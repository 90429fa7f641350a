//! Sessions (ADR 6). A record becomes a [`Fact`]; facts in order of event time drive the
//! [`machine::Machine`]; [`timeline::Timeline`] keeps the facts that may still be reordered and the
//! cells in which each of them counts, so that its effect on the panes can be undone;
//! [`epoch::Epoch`] is one playback of a sid; [`store::Sessions`] holds them all, and the most
//! asked columns of the open ones in [`columns`].
//!
//! The files, by purpose:
//! - A record arrives: `open` finds its epoch or opens one; facts of edges without a session wait
//!   in `pending`. `fact` is its content, `said` its words, `clue` the hint at a state in a request
//!   that names none.
//! - An epoch: `epoch`, its `sid` and its `kin`; the `timeline`, whose facts are in `tail` (numbers
//!   packed by `pack`), with `silences` between them.
//! - Its state: `states` at the horizon and now, each a `machine` that follows `rules` and counts
//!   `records`; both share a `story` of what changes rarely, with `seldom` (what hardly any session
//!   has) and `totals` (the player's own counts).
//! - All sessions: `store`, their places in `slots`, found by `index`, the shared `words`, and
//!   `warm`, which brings the next ones into the cache.
//! - Queries: `ask`, `columns` by `dimensions`, `report` (a row), `span`, and `moment` (all rows as
//!   of one moment). Snapshots: `copy`.

mod ask;
mod clue;
pub mod columns;
mod copy;
pub mod dimensions;
pub mod epoch;
pub mod fact;
mod index;
mod kin;
pub mod machine;
pub mod moment;
mod open;
mod pack;
mod pending;
mod records;
pub mod report;
mod rules;
mod said;
mod seldom;
mod sid;
mod silences;
mod slots;
mod span;
mod states;
pub mod store;
mod story;
mod tail;
pub mod timeline;
mod totals;
pub(in crate::pure) mod warm;
pub(crate) mod words;

pub use clue::Clue;
pub use fact::{Fact, Origin, Token};
pub use said::Said;
pub use sid::Sid;
pub use span::Span;
pub use store::Sessions;
