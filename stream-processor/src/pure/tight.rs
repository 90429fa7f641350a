//! Optional members without additional memory: there are millions.

use serde::{Deserialize, Serialize};

/// A time or a duration, Unix ms or ms, that may be missing; `i64::MIN` means so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<i64>", into = "Option<i64>")]
pub struct MaybeMs(i64);

impl MaybeMs {
    const NONE: Self = Self(i64::MIN);

    /// As an option.
    pub fn get(self) -> Option<i64> {
        (self != Self::NONE).then_some(self.0)
    }

    /// Whether it is missing.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether it is there.
    pub fn is_some(self) -> bool {
        !self.is_none()
    }
}

impl Default for MaybeMs {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Option<i64>> for MaybeMs {
    fn from(ms: Option<i64>) -> Self {
        ms.map_or(Self::NONE, Self)
    }
}

impl From<i64> for MaybeMs {
    fn from(ms: i64) -> Self {
        Self(ms)
    }
}

impl From<MaybeMs> for Option<i64> {
    fn from(ms: MaybeMs) -> Self {
        ms.get()
    }
}

/// A number from 0 that may be missing; negative values mean so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MaybeCount(i32);

impl MaybeCount {
    /// As an option.
    pub(crate) fn get(self) -> Option<i32> {
        (self.0 >= 0).then_some(self.0)
    }
}

impl Default for MaybeCount {
    fn default() -> Self {
        Self(-1)
    }
}

impl From<i32> for MaybeCount {
    fn from(number: i32) -> Self {
        Self(number.max(-1))
    }
}
