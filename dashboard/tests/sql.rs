//! SQL: what it answers, what it refuses, and that it stays healthy afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "sql/answers.rs"]
mod answers;
#[path = "sql/deep.rs"]
mod deep;
#[path = "sql/formulas.rs"]
mod formulas;
#[path = "sql/hostile.rs"]
mod hostile;
#[path = "sql/kept.rs"]
mod kept;
#[path = "sql/limits.rs"]
mod limits;
#[path = "sql/list.rs"]
mod list;
#[path = "sql/panes.rs"]
mod panes;
#[path = "sql/segments.rs"]
mod segments;
#[path = "sql/world.rs"]
mod world;
