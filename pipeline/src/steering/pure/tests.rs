//! Decisions, judged by a fleet that is simulated in pure code.

mod closed;
mod fleet;
mod guards;
mod scenarios;
mod told;
