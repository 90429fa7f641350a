//! The clue in a request of a player that never names a state, as with CMCD v1: the record says how
//! urgent its object is, not what the viewer sees. A session that is known by such clues alone is
//! marked `derived`; its times are as coarse as its requests are apart.
//!
//! - `pr=0` is a pause.
//! - `bs` (the buffer ran dry before the request) is a rebuffer, which lasts until a request that
//!   is neither `bs` nor `su`.
//! - `su` (needed at once) before the first frame is the startup; later it may be a seek or follow
//!   `bs`, so the session stays in its state.
//! - A request for media without either is playing. The startup is known only if `su` was sent
//!   before: not all players send it.
//! - Other objects (manifests, keys, captions) only show that the player is alive.

use serde::{Deserialize, Serialize};

use super::fact::Token;
use crate::pure::input::PlayerInput;

/// The hint of one request at its player's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clue {
    /// Its playback rate is 0.
    Still,
    /// Its buffer ran dry.
    Starved,
    /// It needs the object at once.
    Urgent,
    /// It asks for media without urgency.
    Steady,
}

impl Clue {
    const ALL: [Self; 4] = [Self::Still, Self::Starved, Self::Urgent, Self::Steady];

    /// The clue of a record; none of one that names a state or reports an event.
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

    /// The state that follows, if it changes.
    pub(super) fn token(self, has_started: bool) -> Option<Token> {
        match self {
            Self::Still => Some(Token::Paused),
            Self::Starved => Some(Token::Rebuffering),
            Self::Urgent => (!has_started).then_some(Token::Starting),
            Self::Steady => Some(Token::Playing),
        }
    }

    /// The clue by its place, counted from 1; none at 0.
    pub(super) fn at(from_1: usize) -> Option<Self> {
        Self::ALL.get(from_1.checked_sub(1)?).copied()
    }
}
