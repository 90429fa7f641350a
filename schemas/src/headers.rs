//! Names of the HTTP headers that one room writes and another reads, in small letters.

/// What became of each record of a request: `accepted=3, rejected;no_sid=1`. The door answers it.
pub const FATES: &str = "tallylight-fates";
/// What clients are asked to do until the next answer: `interval=2, sample=0.5`. The door answers it.
pub const PACE: &str = "tallylight-pace";
/// The edge that answered.
pub const EDGE: &str = "tallylight-edge";
/// The pipeline whose copy of a segment it is, or `slate`.
pub const PIPELINE: &str = "tallylight-pipeline";
/// The dashboard's proxy asks by it for addresses that begin at its own root.
pub const ROOT_RELATIVE: &str = "tallylight-root-relative";
