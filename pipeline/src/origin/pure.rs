//! The origin's decisions: functions of the schedule, the time and what is stored.

pub mod choose;
pub mod schedule;
