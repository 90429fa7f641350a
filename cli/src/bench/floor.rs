//! The floors: for each step the least work that gives its result, for the beacons of the sample
//! only. A floor knows their shape, validates nothing, and its result does not survive a crash.
//! docs/performance.md says what each leaves out.

pub(crate) mod archive;
pub(crate) mod door;
pub(crate) mod parse;
pub(crate) mod window;
