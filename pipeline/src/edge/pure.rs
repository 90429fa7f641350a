//! How an edge's capacity is shared out, as a function of who asked when (ADR 19).

pub(crate) mod capacity;
