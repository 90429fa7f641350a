//! How an edge's capacity is allocated, as a function of its requests (ADR 19).

pub(crate) mod capacity;
pub(crate) mod tracks;
