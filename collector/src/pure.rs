//! What the collector decides without I/O, clock or randomness: how far a tenant is above its
//! limits, and which records a collector under pressure still accepts (ADR 21).

pub mod bucket;
pub mod ladder;
pub mod priority;
pub mod sessions;
pub mod share;
