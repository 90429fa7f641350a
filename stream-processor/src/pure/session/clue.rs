//! What a request tells of a player that never names a state, as those of CMCD v1 do: the record of
//! a request says how urgent its object is, not what the viewer sees. A session that is known by
//! such clues alone says so (`derived`); its times are as coarse as its requests are apart.
//!
//! - `pr=0` is a pause.
//! - `bs` (the buffer ran dry before the request) is a rebuffer, which lasts until a request that is
//!   neither `bs` nor `su`.
//! - `su` (needed at once) before the first frame is the startup; after it, it may be a seek or what
//!   follows `bs`, so the session stays in the state it is in.
//! - A request for media without either plays. The startup is known only where `su` was sent before:
//!   not all players send it.
//! - Other objects (manifests, keys, captions) show that the player is there, and no more.

use serde::{Deserialize, Serialize};

use super::fact::Token;
use crate::pure::input::PlayerInput;

/// What one request says of its player's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clue {
    /// It stands still.
    Still,
    /// Its buffer ran dry.
    Starved,
    /// It needs the object at once.
    Urgent,
    /// It asks for media in its own time.
    Steady,
}

impl Clue {
    const ALL: [Self; 4] = [Self::Still, Self::Starved, Self::Urgent, Self::Steady];

    /// What a record tells; one that names a state, or reports an event, needs no clue.
    pub(super) fn of(input: &PlayerInput<'_>) -> Option<Self> {
        if !input.request || input.sta.is_some() {
            return None;
        }
        let is_media = matches!(input.ot, None | Some("v" | "av" | "a"));
        match input {
            _ if input.pr == Some(0.0) => Some(Self::Still),
            _ if input.bs == Some(true) => Some(Self::Starved),
            _ if input.su == Some(true) => Some(Self::Urgent),
            _ if is_media => Some(Self::Steady),
            _ => None,
        }
    }

    /// The state that follows, if it is another one.
    pub(super) fn token(self, has_started: bool) -> Option<Token> {
        match self {
            Self::Still => Some(Token::Paused),
            Self::Starved => Some(Token::Rebuffering),
            Self::Urgent => (!has_started).then_some(Token::Starting),
            Self::Steady => Some(Token::Playing),
        }
    }

    /// The clue whose place among all is before `from_1`; there is none at 0.
    pub(super) fn at(from_1: usize) -> Option<Self> {
        Self::ALL.get(from_1.checked_sub(1)?).copied()
    }
}
