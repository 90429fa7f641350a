//! The speed of light: for each step the least work that gives its result, for these beacons
//! alone. It knows their shape, checks nothing that could be wrong otherwise, and survives
//! nothing. docs/performance.md says what each leaves out.

pub(crate) mod archive;
pub(crate) mod door;
pub(crate) mod parse;
pub(crate) mod window;
