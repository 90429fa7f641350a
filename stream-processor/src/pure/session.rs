//! Sessions (D6). A record becomes a [`Fact`]; facts in order of event time drive the
//! [`machine::Machine`]; [`timeline::Timeline`] keeps the facts that may still be reordered
//! together with what each of them put into the panes, so that it can be taken back;
//! [`epoch::Epoch`] is one playback of a sid; [`store::Sessions`] holds them all, with what every
//! open one is asked about in [`columns`].

mod ask;
pub mod columns;
pub mod dimensions;
pub mod epoch;
pub mod fact;
pub mod machine;
mod open;
mod pending;
pub mod report;
mod rules;
mod slots;
pub mod store;
mod stretch;
mod tight;
pub mod timeline;
pub(crate) mod words;

pub use fact::{Fact, Origin, Said, Token};
pub use store::Sessions;
pub use stretch::Stretch;
