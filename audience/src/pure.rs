//! The player's model: no network, no clock; time is an argument.

pub mod playback;
