//! SQL over live and stored data (docs/sql.md): a DataFusion engine with its own threads, memory,
//! disk and deadline. It is read-only, and limited to one tenant's rows.

mod catalog;
mod condition;
mod definitions;
mod encode;
mod engine;
mod error;
mod events;
mod formulas;
mod functions;
pub(crate) mod json;
mod lines;
mod live;
mod names;
mod narrow;
mod query;
mod rules;
mod segments;
pub(crate) mod serve;
mod settings;
mod statement;
mod stop;
mod tables;

pub use catalog::{ABOUT, Opened, TableInfo, Tables, UNIT, View};
pub use condition::Condition;
pub use encode::{Answer, Format};
pub use engine::{Engine, EngineError};
pub use error::{Kind, SqlError};
pub use names::nearest;
pub use serve::{FILES_ALONE, TRUNCATED};
pub use settings::SqlSettings;
pub use tables::Platform;

pub use definitions::sql as metric_sql;
pub(crate) use events::is_time;

/// The tables that are views of others.
pub fn views() -> impl Iterator<Item = TableInfo> {
    formulas::views().chain([segments::view()])
}
