//! The disk log against crashes, damage, caps and other processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "disk/caps.rs"]
mod caps;
#[path = "disk/damage.rs"]
mod damage;
#[path = "disk/kill.rs"]
mod kill;
#[path = "disk/kit.rs"]
mod kit;
#[path = "disk/open.rs"]
mod open;
#[path = "disk/torn.rs"]
mod torn;
