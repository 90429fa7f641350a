//! An epoch's relation to others of its sid, and its late records. Kept apart, since nearly every
//! sid plays once and all its records arrive in time.

use serde::{Deserialize, Serialize};

use super::epoch::Epoch;
use crate::pure::dedupe::Tombstone;

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kin {
    /// Which of the playbacks of the sid it is.
    pub(super) number: u32,
    /// Place of the previous epoch, while that is kept.
    pub(super) previous: Option<u32>,
    /// The forgotten epochs before it.
    pub(super) before: Option<Tombstone>,
    /// A later epoch of the sid has begun.
    pub(super) superseded: bool,
    /// Records that came late.
    pub(super) late: u64,
}

/// Shared by all epochs without any.
static ALONE: Kin = Kin { number: 0, previous: None, before: None, superseded: false, late: 0 };

impl Epoch {
    pub(super) fn kin(&self) -> &Kin {
        self.kin.as_deref().unwrap_or(&ALONE)
    }

    /// The same, to be changed; made if it is missing.
    pub(super) fn kin_mut(&mut self) -> &mut Kin {
        self.kin.get_or_insert_default()
    }
}
