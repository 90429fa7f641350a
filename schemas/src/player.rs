//! Player events in columns, as the collector appends them and all later stages read them.

mod builder;
mod column;
mod envelope;
mod event;
mod lookup;
mod pairs;
mod rows;

pub use builder::PlayerBatchBuilder;
pub use envelope::{About, Envelope, REPORTED};
pub use event::PlayerEvent;
pub use rows::PlayerRows;
