//! Decisions, tested with a fleet that is simulated in pure code.

mod closed;
mod fled;
mod fleet;
mod guards;
mod incident_notes;
mod keep_free;
mod masks;
mod operator;
mod remembered;
mod rows;
mod scenarios;
mod seldom;
mod settling;
