//! What an epoch has to do with others of its sid, and with records that came too late: nearly every
//! sid plays once and all of it comes in time.

use serde::{Deserialize, Serialize};

use super::epoch::Epoch;
use crate::pure::dedupe::Tombstone;

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kin {
    /// Which of the playbacks of the sid it is.
    pub(super) number: u32,
    /// Place of the epoch before it, while that is kept.
    pub(super) previous: Option<u32>,
    /// The epochs before it that are forgotten.
    pub(super) before: Option<Tombstone>,
    /// A later epoch of the sid has begun.
    pub(super) superseded: bool,
    /// Records that came late.
    pub(super) late: u64,
}

/// What all others have in common.
static ALONE: Kin = Kin { number: 0, previous: None, before: None, superseded: false, late: 0 };

impl Epoch {
    pub(super) fn kin(&self) -> &Kin {
        self.kin.as_deref().unwrap_or(&ALONE)
    }

    /// To be changed: it has some from then on.
    pub(super) fn kin_mut(&mut self) -> &mut Kin {
        self.kin.get_or_insert_default()
    }
}
