//! One thing known about a session at one moment, in compact form.

use serde::{Deserialize, Serialize};

use super::clue::Clue;
use super::said::Said;
use crate::pure::dedupe::Identity;
use crate::pure::input::PlayerInput;
use crate::pure::tight::MaybeMs;

/// A player state, CMCD `sta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Token {
    /// `s`: starting.
    Starting,
    /// `p`: rendering.
    Playing,
    /// `k`: seeking.
    Seeking,
    /// `r`: rebuffering.
    Rebuffering,
    /// `a`: paused.
    Paused,
    /// `w`: waiting; undefined in the standard, sent by dash.js.
    Waiting,
    /// `e`: ended.
    Ended,
    /// `f`: fatal error.
    Fatal,
    /// `q`: the viewer quit.
    Quit,
    /// `d`: preloading.
    Preloading,
}

impl Token {
    const ALL: [(Token, &'static str); 10] = [
        (Token::Starting, "s"),
        (Token::Playing, "p"),
        (Token::Seeking, "k"),
        (Token::Rebuffering, "r"),
        (Token::Paused, "a"),
        (Token::Waiting, "w"),
        (Token::Ended, "e"),
        (Token::Fatal, "f"),
        (Token::Quit, "q"),
        (Token::Preloading, "d"),
    ];

    /// The token of a CMCD value; an unknown value is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(token, _)| *token)
    }

    /// The token by its place, counted from 1; none at 0.
    pub(super) fn at(from_1: usize) -> Option<Self> {
        Self::ALL.get(from_1.checked_sub(1)?).map(|(token, _)| *token)
    }

    /// The CMCD values of all, in order of the tokens.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, name)| *name)
    }

    /// The CMCD value.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(token, _)| *token == self).map_or("", |(_, name)| name)
    }
}

/// The source of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// An edge, about a request of the session.
    Edge,
    /// The player, on a request.
    Request,
    /// The player, by an event report.
    Event,
    /// Log time: the session has been silent for too long.
    Silence,
}

impl Origin {
    /// All, in order.
    pub(super) const ALL: [Self; 4] = [Self::Edge, Self::Request, Self::Event, Self::Silence];
}

/// One fact. Times are Unix ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Event time, corrected, and never before what was final on arrival.
    pub at: i64,
    /// The time as the player stated it, to be corrected by its clock's skew.
    pub ts: MaybeMs,
    /// Its source.
    pub origin: Origin,
    /// The player's (or the edge's) sequence number.
    pub sn: Option<u64>,
    /// Identity; orders facts of the same moment.
    pub id: u64,
    /// Player state.
    pub token: Option<Token>,
    /// The hint at a state in a request that names none.
    pub clue: Option<Clue>,
    /// The record reports an error.
    pub error: bool,
    /// The record says that the player is hidden.
    pub hidden: bool,
    /// It is a request reported by the server that answered it.
    pub reported: bool,
    /// It reports a response (`rr`): its time is that of the request, but it describes the player
    /// at the time of the response.
    pub response: bool,
    /// It reports a change of the state (`ps`), at the time of the change.
    pub change: bool,
    /// Bitrate, kbps; 0 is unknown.
    pub kbps: i32,
    /// Measured throughput, kbps; −1 is unknown (a line that carries nothing measures 0).
    pub throughput_kbps: i32,
    /// Lowest rung, kbps; 0 is unknown.
    pub lowest_kbps: i32,
    /// Live latency, ms; −1 is unknown.
    pub latency_ms: i32,
    /// The player's own startup time, ms; −1 is unknown.
    pub msd_ms: i32,
    /// Bitrate that is shown, kbps; 0 is unknown.
    pub shown_kbps: i32,
    /// Times its buffer ran dry, as the player counts them; −1 is unknown.
    pub stalls: i32,
    /// Total time of these, ms; −1 is unknown.
    pub stalled_ms: i32,
    /// Frames dropped, as the player counts them; −1 is unknown.
    pub dropped: i32,
    /// Words.
    pub said: Option<Said>,
}

/// Order of facts: by time; at the same time facts of edges come first, silence last, and the
/// player's own in order of `sn`.
pub type Order = (i64, Origin, u64, u64);

impl Fact {
    /// The fact's place.
    pub fn order(&self) -> Order {
        (self.at, self.origin, self.sn.unwrap_or(u64::MAX), self.id)
    }

    /// The fact in a player's record, to be placed at `at`.
    pub fn by_player(input: &PlayerInput<'_>, id: u64, at: i64, said: Option<Said>) -> Self {
        let small =
            |value: Option<i64>| value.and_then(|v| i32::try_from(v).ok()).filter(|v| *v >= 0);
        let is_rung = !input.request || matches!(input.ot, None | Some("v" | "av"));
        Self {
            at,
            ts: input.ts.into(),
            origin: if input.request { Origin::Request } else { Origin::Event },
            sn: input.sn.filter(|_| !input.is_reported()),
            id,
            token: input.sta.and_then(Token::parse),
            clue: Clue::of(input),
            error: input.e == Some("e"),
            hidden: input.bg == Some(true),
            reported: input.is_reported(),
            response: !input.request && input.e == Some("rr"),
            change: !input.request && input.e == Some("ps"),
            // The object of a request is the rung that is played only if it is video.
            kbps: small(input.br_kbps).filter(|_| is_rung).unwrap_or(0),
            throughput_kbps: small(input.mtp_kbps).unwrap_or(-1),
            lowest_kbps: small(input.lb_kbps).unwrap_or(0),
            latency_ms: small(input.ltc_ms).unwrap_or(-1),
            msd_ms: small(input.msd_ms).unwrap_or(-1),
            shown_kbps: small(input.pb_kbps).filter(|_| is_rung).unwrap_or(0),
            stalls: small(input.bsa).unwrap_or(-1),
            stalled_ms: small(input.bsda_ms).unwrap_or(-1),
            dropped: small(input.dfa).unwrap_or(-1),
            said,
        }
    }

    /// What an edge knows about a session at `at`, as its report number `seq`.
    pub fn by_edge(at: i64, seq: u64, id: u64, said: Said) -> Self {
        Self { sn: Some(seq), id, said: Some(said), ..Self::bare(at, Origin::Edge) }
    }

    /// How the player sent it: 0 by an event report, 1 on a request.
    pub(super) fn mode(&self) -> Option<usize> {
        match self.origin {
            Origin::Event => Some(0),
            Origin::Request => Some(1),
            Origin::Edge | Origin::Silence => None,
        }
    }

    /// The identity of the record it was in, if a player sent it.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.mode().map(|mode| Identity { id: self.id, sn: self.sn, mode, ts: self.ts.get() })
    }

    /// The session was last heard of at `at`.
    pub fn silence(at: i64) -> Self {
        Self::bare(at, Origin::Silence)
    }

    /// The numbers that may be missing, each with the value that means so.
    pub(super) fn numbers(&self) -> [(i32, i32); 9] {
        [
            (self.kbps, 0),
            (self.throughput_kbps, -1),
            (self.lowest_kbps, 0),
            (self.latency_ms, -1),
            (self.msd_ms, -1),
            (self.shown_kbps, 0),
            (self.stalls, -1),
            (self.stalled_ms, -1),
            (self.dropped, -1),
        ]
    }

    /// The same numbers, to be set.
    pub(super) fn numbers_mut(&mut self) -> [&mut i32; 9] {
        [
            &mut self.kbps,
            &mut self.throughput_kbps,
            &mut self.lowest_kbps,
            &mut self.latency_ms,
            &mut self.msd_ms,
            &mut self.shown_kbps,
            &mut self.stalls,
            &mut self.stalled_ms,
            &mut self.dropped,
        ]
    }

    pub(super) fn bare(at: i64, origin: Origin) -> Self {
        Self {
            at,
            ts: MaybeMs::default(),
            origin,
            sn: None,
            id: 0,
            token: None,
            clue: None,
            error: false,
            hidden: false,
            reported: false,
            response: false,
            change: false,
            kbps: 0,
            throughput_kbps: -1,
            lowest_kbps: 0,
            latency_ms: -1,
            msd_ms: -1,
            shown_kbps: 0,
            stalls: -1,
            stalled_ms: -1,
            dropped: -1,
            said: None,
        }
    }
}
