//! Decisions, judged by a fleet that is simulated in pure code.

mod closed;
mod fleet;
mod guards;
mod masks;
mod operator;
mod remembered;
mod scenarios;
mod told;
