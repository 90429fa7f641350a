//! Sessions (D6). A record becomes a [`Fact`]; facts in order of event time drive the
//! [`machine::Machine`]; [`timeline::Timeline`] keeps the facts that may still be reordered
//! together with what each of them put into the panes, so that it can be taken back;
//! [`epoch::Epoch`] is one playback of a sid; [`store::Sessions`] holds them all.

pub mod dimensions;
pub mod epoch;
pub mod fact;
pub mod machine;
mod open;
mod pending;
mod report;
mod rules;
pub mod store;
mod stretch;
pub mod timeline;
mod words;

pub use fact::{Fact, Origin, Said, Token};
pub use store::Sessions;
pub use stretch::Stretch;
