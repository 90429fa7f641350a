//! The measures of a playback row.

use serde::{Deserialize, Serialize};

macro_rules! measures {
    ($($(#[doc = $doc:literal])* $(#[serde($serde:ident)])? $name:ident,)*) => {
        /// The integer measures of a playback row. All can be added across partitions and cells.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct Measures { $($(#[doc = $doc])* $(#[serde($serde)])? pub $name: i64,)* }

        impl Measures {
            /// Names of the measures, as metric formulas use them.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Their descriptions, in the same order.
            pub const ABOUT: &'static [&'static str] = &[$(concat!($($doc),*).trim_ascii()),*];

            /// Adds `sign` times every measure of `other`; sums saturate.
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
    /// Attempts that ended with an error before a first frame.
    start_failures,
    /// Attempts abandoned before a first frame after a wait of at least 1 s, without an error.
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
    /// The part of `rebuffer_count` that began after the player had stayed on a bitrate above its
    /// throughput (see metric `adaptation_failures`). Absent in rows older than this measure.
    #[serde(default)]
    adaptation_failures,
    /// Σ bitrate × playing time, kbps·ms.
    bitrate_kbps_ms,
    /// Playing time of known bitrate, ms.
    bitrate_ms,
    /// Records accepted into the pane.
    events,
    /// Records missing by sequence number, counted in the pane where the gap was seen.
    lost_events,
    /// The part of `viewers` known only from their requests, such as players with CMCD v1. They are
    /// included in the times and counts of this row, only as precisely as their requests are
    /// spaced. Absent in rows older than this measure.
    #[serde(default)]
    derived_viewers,
}
