//! Sessions (ADR 6). A record becomes a [`Fact`]; facts in order of event time drive the
//! [`machine::Machine`]; [`timeline::Timeline`] keeps the facts that may still be reordered
//! together with what each of them put into the panes, so that it can be taken back;
//! [`epoch::Epoch`] is one playback of a sid; [`store::Sessions`] holds them all, with what every
//! open one is asked about in [`columns`].
//!
//! The files, by what they are for:
//! - A record comes: `open` finds its epoch, or it waits in `pending`; `fact` is what it tells,
//!   `said` its words, `clue` what a player tells that names no state.
//! - An epoch: `epoch`, its `sid` and its `kin`; the `timeline`, whose facts are in `tail` as `pack`
//!   writes numbers, with `silences` between them.
//! - Where it stands: `states` at the horizon and now, each a `machine` that goes by `rules` and
//!   counts `records`; what they have in common is their `story`, with `seldom` (what hardly any has)
//!   and `totals` (the player's own counts).
//! - All of them: `store`, their places in `slots`, found by `index`, `words` that they share, `warm`
//!   to have the next ones in the cache.
//! - Asked: `ask`, `columns` by `dimensions`, `report` (a row), `stretch` (spans), all of one `moment`.
//!   Written down: `copy`.

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
mod states;
pub mod store;
mod story;
mod stretch;
mod tail;
pub mod timeline;
mod totals;
pub(in crate::pure) mod warm;
pub(crate) mod words;

pub use clue::Clue;
pub use fact::{Fact, Origin, Token};
pub use said::Said;
pub use sid::Sid;
pub use store::Sessions;
pub use stretch::Stretch;
