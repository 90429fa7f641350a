//! One player event.

use std::borrow::Cow;

use crate::cmcd::Mode;

/// A player event as the session machine reads it. `None` is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayerEvent<'a> {
    /// Tenant whose viewer it is.
    pub tenant: &'a str,
    /// How it was sent.
    pub mode: Mode,
    /// The source that received it: `cmcd`, `cmcd_query`, `events`, or one of [`super::REPORTED`].
    pub source: &'a str,
    /// When it was received, Unix µs; for a reported request, when it was served.
    pub received_at: i64,
    /// CMCD version.
    pub v: u8,
    /// Session id.
    pub sid: &'a str,
    /// Content id.
    pub cid: Option<&'a str>,
    /// Event.
    pub e: Option<&'a str>,
    /// Player state.
    pub sta: Option<&'a str>,
    /// Event time, Unix ms by the player's clock.
    pub ts: Option<i64>,
    /// Sequence number.
    pub sn: Option<u64>,
    /// Bitrate of the selected video rung, else the first value listed, kbps.
    pub br_kbps: Option<i64>,
    /// Bitrate being shown, selected like `br_kbps`, kbps.
    pub pb_kbps: Option<i64>,
    /// Throughput measured by the player, selected like `br_kbps`, kbps.
    pub mtp_kbps: Option<i64>,
    /// Lowest video rung it may choose, kbps; unknown if only other object types are listed.
    pub lb_kbps: Option<i64>,
    /// Live latency, ms: key `ltc`, else custom `com.tallylight-ltc`.
    pub ltc_ms: Option<i64>,
    /// Media start delay, ms.
    pub msd_ms: Option<i64>,
    /// The player's count of buffer starvations since the session began, selected likewise.
    pub bsa: Option<i64>,
    /// Total duration of these starvations, selected likewise, ms.
    pub bsda_ms: Option<i64>,
    /// Frames dropped since the session began.
    pub dfa: Option<i64>,
    /// Object type of the request, such as `v`.
    pub ot: Option<&'a str>,
    /// The object is needed urgently: to start, after a seek, or because the buffer is empty.
    pub su: Option<bool>,
    /// The buffer ran empty before the request.
    pub bs: Option<bool>,
    /// Playback rate; 0 is paused.
    pub pr: Option<f64>,
    /// All players of the session are hidden (in the background).
    pub bg: Option<bool>,
    /// First error code.
    pub ec: Option<Cow<'a, str>>,
    /// Country as claimed, custom `com.tallylight-country`, else by the address.
    pub country: Option<&'a str>,
    /// Device as claimed, custom `com.tallylight-device`, else by the request's headers.
    pub device: Option<&'a str>,
    /// Operating system with its version.
    pub os: Option<&'a str>,
    /// Player with its version.
    pub player: Option<&'a str>,
    /// Autonomous system of the viewer's network.
    pub asn: Option<u32>,
    /// Hash of the record as it was sent.
    pub digest: u64,
}
