//! One thing known about a session at one moment, in compact form.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::delivery::DeliveryEvent;

use super::tight::MaybeMs;
use super::words::{Word, Words};
use crate::pure::dedupe::Identity;
use crate::pure::input::PlayerInput;
use crate::pure::limits::clip;

/// A player state, CMCD `sta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Token {
    /// `s`: told to play.
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

    /// The token behind a CMCD value; an unknown one is no news.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(token, _)| *token)
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

/// Who stated a fact.
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

/// Words that come with facts. Shared between facts that say the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Content id.
    pub content: Option<Word>,
    /// Country.
    pub country: Option<Word>,
    /// Device.
    pub device: Option<Word>,
    /// Operating system.
    pub os: Option<Word>,
    /// Player and its version.
    pub player: Option<Word>,
    /// Autonomous system of the network.
    pub asn: Option<u32>,
    /// Edge.
    pub edge: Option<Word>,
    /// Pipeline.
    pub pipeline: Option<Word>,
    /// Error code.
    pub error: Option<Word>,
}

impl Said {
    fn matches(&self, input: &PlayerInput<'_>, words: &Words) -> bool {
        let same =
            |mine: Option<Word>, theirs: Option<&str>| words.maybe(mine) == theirs.and_then(clip);
        same(self.content, input.cid)
            && same(self.country, input.country)
            && same(self.device, input.device)
            && same(self.os, input.os)
            && same(self.player, input.player)
            && self.asn == input.asn
            && same(self.error, input.ec.as_deref())
    }

    /// The words of a player's record; `last` again when they are the same.
    pub fn by_player(
        input: &PlayerInput<'_>,
        last: Option<&Arc<Said>>,
        words: &mut Words,
    ) -> Option<Arc<Said>> {
        if let Some(last) = last
            && last.matches(input, words)
        {
            return Some(Arc::clone(last));
        }
        let mut word = |text: Option<&str>| text.and_then(clip).map(|text| words.share(text));
        let said = Said {
            content: word(input.cid),
            country: word(input.country),
            device: word(input.device),
            os: word(input.os),
            player: word(input.player),
            asn: input.asn,
            error: word(input.ec.as_deref()),
            ..Said::default()
        };
        (said != Said::default()).then(|| Arc::new(said))
    }

    /// Where an edge served the session from.
    pub fn by_edge(
        event: &DeliveryEvent,
        last: Option<&Arc<Said>>,
        words: &mut Words,
    ) -> Arc<Said> {
        let mut word = |text: Option<&str>| text.and_then(clip).map(|text| words.share(text));
        let said = Said {
            edge: word(event.edge.as_deref()),
            pipeline: word(event.pipeline.as_deref()),
            ..Said::default()
        };
        match last {
            Some(last) if **last == said => Arc::clone(last),
            _ => Arc::new(said),
        }
    }

    /// Every word in it.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        [
            self.content,
            self.country,
            self.device,
            self.os,
            self.player,
            self.edge,
            self.pipeline,
            self.error,
        ]
        .into_iter()
        .flatten()
    }
}

/// One fact. Times are Unix ms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fact {
    /// Event time, corrected, and never before what was final when it came.
    pub at: i64,
    /// The time as the player stated it, to be corrected by its clock's skew.
    pub ts: MaybeMs,
    /// Who stated it.
    pub origin: Origin,
    /// The player's (or the edge's) sequence number.
    pub sn: Option<u64>,
    /// Identity; orders facts of the same moment.
    pub id: u64,
    /// Player state.
    pub token: Option<Token>,
    /// The record reports an error.
    pub error: bool,
    /// The record says that the player is hidden.
    pub hidden: bool,
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
    /// Words.
    pub said: Option<Arc<Said>>,
}

/// Order of facts: by time; at the same time what edges say comes first, silence last, and
/// the player's own in order of `sn`.
pub type Order = (i64, Origin, u64, u64);

impl Fact {
    /// The fact's place.
    pub fn order(&self) -> Order {
        (self.at, self.origin, self.sn.unwrap_or(u64::MAX), self.id)
    }

    /// The fact in a player's record, to be placed at `at`.
    pub fn by_player(input: &PlayerInput<'_>, id: u64, at: i64, said: Option<Arc<Said>>) -> Self {
        let small =
            |value: Option<i64>| value.and_then(|v| i32::try_from(v).ok()).filter(|v| *v >= 0);
        Self {
            at,
            ts: input.ts.into(),
            origin: if input.request { Origin::Request } else { Origin::Event },
            sn: input.sn,
            id,
            token: input.sta.and_then(Token::parse),
            error: input.e == Some("e"),
            hidden: input.bg == Some(true),
            kbps: small(input.br_kbps).unwrap_or(0),
            throughput_kbps: small(input.mtp_kbps).unwrap_or(-1),
            lowest_kbps: small(input.lb_kbps).unwrap_or(0),
            latency_ms: small(input.ltc_ms).unwrap_or(-1),
            msd_ms: small(input.msd_ms).unwrap_or(-1),
            said,
        }
    }

    /// What an edge knows about a session at `at`, as its report number `seq`.
    pub fn by_edge(at: i64, seq: u64, id: u64, said: Arc<Said>) -> Self {
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

    fn bare(at: i64, origin: Origin) -> Self {
        Self {
            at,
            ts: MaybeMs::default(),
            origin,
            sn: None,
            id: 0,
            token: None,
            error: false,
            hidden: false,
            kbps: 0,
            throughput_kbps: -1,
            lowest_kbps: 0,
            latency_ms: -1,
            msd_ms: -1,
            said: None,
        }
    }
}
