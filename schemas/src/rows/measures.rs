//! The numbers of a playback row.

use serde::{Deserialize, Serialize};

macro_rules! measures {
    ($($(#[doc = $doc:literal])* $(#[serde($serde:ident)])? $name:ident,)*) => {
        /// The whole numbers of a playback row. All of them add across partitions and cells.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct Measures { $($(#[doc = $doc])* $(#[serde($serde)])? pub $name: i64,)* }

        impl Measures {
            /// Names of the measures, as metric formulas use them.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// What each of them means, in the same order.
            pub const ABOUT: &'static [&'static str] = &[$(concat!($($doc),*).trim_ascii()),*];

            /// Adds `sign` times every measure of `other`; a sum ends where 64 bits do.
            pub fn add(&mut self, other: &Self, sign: i64) {
                $(self.$name = self.$name.saturating_add(sign.saturating_mul(other.$name));)*
            }

            /// Sets the measure of that name, if there is one.
            pub fn set(&mut self, name: &str, value: i64) {
                match name { $(stringify!($name) => self.$name = value,)* _ => {} }
            }

            /// The measure of that name.
            pub fn get(&self, name: &str) -> Option<i64> {
                match name { $(stringify!($name) => Some(self.$name),)* _ => None }
            }
        }
    };
}

measures! {
    /// Sessions starting, playing, rebuffering or seeking at the end of the pane.
    viewers,
    /// Playback attempts that began in the pane.
    attempts,
    /// First frames shown.
    starts,
    /// Attempts that ended in an error before a first frame.
    start_failures,
    /// Attempts given up before a first frame after waiting at least 1 s, without an error.
    exits_before_start,
    /// Errors that ended a playback after its first frame.
    failures,
    /// Sessions that ended in the pane, however they ended.
    ends,
    /// Time spent starting, ms.
    starting_ms,
    /// Time spent playing, ms.
    playing_ms,
    /// Time spent rebuffering after the first frame, ms.
    rebuffering_ms,
    /// Time spent seeking, ms.
    seeking_ms,
    /// Rebuffers that began in the pane.
    rebuffer_count,
    /// Rebuffers among them that began after the player had stayed above what its line carried
    /// (see metric `adaptation_failures`). Absent in rows from before it was counted.
    #[serde(default)]
    adaptation_failures,
    /// Σ bitrate × playing time, kbps·ms.
    bitrate_kbps_ms,
    /// Playing time of known bitrate, ms.
    bitrate_ms,
    /// Records accepted into the pane.
    events,
    /// Records missing by sequence number, counted where the gap was seen.
    lost_events,
    /// The part of `viewers` of whom only their requests are known, as of players of CMCD v1: the
    /// times and counts of this row have them in it, and as coarsely as their requests are apart.
    /// Absent in rows from before it was counted.
    #[serde(default)]
    derived_viewers,
}
