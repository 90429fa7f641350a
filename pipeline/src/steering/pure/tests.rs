//! Decisions, judged by a fleet that is simulated in pure code.

mod closed;
mod fled;
mod fleet;
mod guards;
mod masks;
mod operator;
mod remembered;
mod rows;
mod scenarios;
mod seldom;
mod told;
