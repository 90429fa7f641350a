//! Steering's decisions, as functions of its inputs and the time: [`decide::decide`] and
//! [`command`] turn a [`state::State`] into the next one and the records of what was done.

pub mod act;
pub mod answer;
pub mod command;
pub mod decide;
pub mod edge_finding;
pub mod health;
pub mod incidents;
pub mod inputs;
pub mod manual;
pub mod masks;
pub mod no_action;
pub mod places;
pub mod plan;
pub mod policy;
mod restore;
pub mod returning;
pub mod room;
pub mod share;
pub mod signals;
pub mod state;
pub mod upstream;
pub mod words;

#[cfg(test)]
mod tests;
