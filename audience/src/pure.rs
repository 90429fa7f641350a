//! The player's model: no network, no clock; time is an argument.

pub mod pace;
pub mod pathways;
pub mod playback;
pub mod steering;
pub mod throughput;
