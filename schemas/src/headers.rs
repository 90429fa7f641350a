//! HTTP headers that one crate writes and another reads, in lower case.

/// The collector's answer: the fates of a request's records, `accepted=3, rejected;no_sid=1`.
pub const FATES: &str = "tallylight-fates";
/// The collector's answer: how clients should send until the next one, `interval=2, sample=0.5`.
pub const PACE: &str = "tallylight-pace";
/// The edge that answered.
pub const EDGE: &str = "tallylight-edge";
/// The pipeline that produced the segment's copy, or `slate`.
pub const PIPELINE: &str = "tallylight-pipeline";
/// Sent by the dashboard's proxy, to get URLs that are relative to its own root.
pub const ROOT_RELATIVE: &str = "tallylight-root-relative";
