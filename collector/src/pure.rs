//! What the door decides without I/O, clock or chance: how hard a tenant presses, and which
//! records a pressed door still takes (ADR 21).

pub mod bucket;
pub mod ladder;
pub mod priority;
pub mod sessions;
pub mod share;
