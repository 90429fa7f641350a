//! Player events in columns: what the collector appends and everything after it reads.

mod builder;
mod column;
mod door;
mod event;
mod lookup;
mod pairs;
mod rows;

pub use builder::PlayerBatchBuilder;
pub use door::{About, Door, TOLD};
pub use event::PlayerEvent;
pub use rows::PlayerRows;
