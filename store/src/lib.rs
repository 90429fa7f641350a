//! What is kept in memory and on disk: live rows now, history later.

pub mod live;
