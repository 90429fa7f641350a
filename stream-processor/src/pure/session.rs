//! Sessions (ADR 6). A record becomes a [`Fact`]; facts in order of event time drive the
//! [`machine::Machine`]; [`timeline::Timeline`] keeps the facts that may still be reordered
//! together with what each of them put into the panes, so that it can be taken back;
//! [`epoch::Epoch`] is one playback of a sid; [`store::Sessions`] holds them all, with what every
//! open one is asked about in [`columns`].

mod ask;
mod clue;
pub mod columns;
pub mod dimensions;
pub mod epoch;
pub mod fact;
mod index;
mod kin;
pub mod machine;
mod open;
mod pack;
mod pending;
mod records;
pub mod report;
mod rules;
mod said;
mod seldom;
mod sid;
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
