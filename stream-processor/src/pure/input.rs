//! The input of the partition state: borrowed views, so that feeding allocates nothing.

use std::borrow::Cow;

use tallylight_schemas::cmcd::Mode;
use tallylight_schemas::player::{PlayerEvent, REPORTED};

/// A player's record as sessions read it. Times are Unix ms.
#[derive(Debug, Clone, Default)]
pub struct PlayerInput<'a> {
    /// The viewer's tenant.
    pub tenant: &'a str,
    /// The player's session id.
    pub sid: &'a str,
    /// Sent in request mode (a query), not as an event report.
    pub request: bool,
    /// Where it came in, by its name in the collector's fates; `None` if the mode says it.
    pub source: Option<&'a str>,
    /// When the collector had it.
    pub received_ms: i64,
    /// Event time by the player's clock; a query has none.
    pub ts: Option<i64>,
    /// Sequence number.
    pub sn: Option<u64>,
    /// Hash of the record as sent.
    pub digest: u64,
    /// CMCD `e`.
    pub e: Option<&'a str>,
    /// CMCD `sta`.
    pub sta: Option<&'a str>,
    /// CMCD `cid`.
    pub cid: Option<&'a str>,
    /// Bitrate of the selected rung, kbps.
    pub br_kbps: Option<i64>,
    /// Bitrate that is shown, kbps.
    pub pb_kbps: Option<i64>,
    /// Measured throughput, kbps.
    pub mtp_kbps: Option<i64>,
    /// Lowest rung, kbps.
    pub lb_kbps: Option<i64>,
    /// Live latency, ms.
    pub ltc_ms: Option<i64>,
    /// Media start delay, ms.
    pub msd_ms: Option<i64>,
    /// Times the buffer ran dry, as the player counts them.
    pub bsa: Option<i64>,
    /// Total time of these, ms.
    pub bsda_ms: Option<i64>,
    /// Frames dropped, as the player counts them.
    pub dfa: Option<i64>,
    /// Type of the object that a request is for.
    pub ot: Option<&'a str>,
    /// The object is needed at once.
    pub su: Option<bool>,
    /// The buffer ran dry before.
    pub bs: Option<bool>,
    /// Playback rate.
    pub pr: Option<f64>,
    /// All players of the session are hidden.
    pub bg: Option<bool>,
    /// First error code.
    pub ec: Option<Cow<'a, str>>,
    /// Country as claimed.
    pub country: Option<&'a str>,
    /// Device as claimed.
    pub device: Option<&'a str>,
    /// Operating system.
    pub os: Option<&'a str>,
    /// Player and its version.
    pub player: Option<&'a str>,
    /// Autonomous system of the network.
    pub asn: Option<u32>,
}

impl<'a> From<PlayerEvent<'a>> for PlayerInput<'a> {
    fn from(event: PlayerEvent<'a>) -> Self {
        Self {
            tenant: event.tenant,
            sid: event.sid,
            request: event.mode == Mode::Request,
            source: Some(event.source),
            received_ms: event.received_at.div_euclid(1_000),
            ts: event.ts,
            sn: event.sn,
            digest: event.digest,
            e: event.e,
            sta: event.sta,
            cid: event.cid,
            br_kbps: event.br_kbps,
            pb_kbps: event.pb_kbps,
            mtp_kbps: event.mtp_kbps,
            lb_kbps: event.lb_kbps,
            ltc_ms: event.ltc_ms,
            msd_ms: event.msd_ms,
            bsa: event.bsa,
            bsda_ms: event.bsda_ms,
            dfa: event.dfa,
            ot: event.ot,
            su: event.su,
            bs: event.bs,
            pr: event.pr,
            bg: event.bg,
            ec: event.ec,
            country: event.country,
            device: event.device,
            os: event.os,
            player: event.player,
            asn: event.asn,
        }
    }
}

impl PlayerInput<'_> {
    /// Event time, or the time of arrival when the record names none.
    pub fn time(&self) -> i64 {
        self.ts.unwrap_or(self.received_ms)
    }

    /// Whether it is a request reported by the server that answered it, which others may report,
    /// too.
    pub fn is_reported(&self) -> bool {
        self.source.is_some_and(|source| REPORTED.contains(&source))
    }

    /// Whether it says that the playback is over.
    pub fn is_over(&self) -> bool {
        matches!(self.sta, Some("e" | "f" | "q"))
    }

    /// How much later than its own time it arrived.
    pub fn delay(&self) -> i64 {
        self.received_ms.saturating_sub(self.time())
    }
}
