//! The two states of a session.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::story::Story;

/// A session as its facts describe it. Mostly both states share one story, which is serialized
/// once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct States {
    /// As of the horizon.
    pub(super) base: Machine,
    /// As of the newest fact.
    pub(super) head: Machine,
}

/// The form in a snapshot.
#[derive(Serialize, Deserialize)]
struct Written {
    base: Machine,
    head: Machine,
    story: Arc<Story>,
    /// The story of the base, if it is another one.
    other: Option<Arc<Story>>,
}

impl From<States> for Written {
    fn from(States { base, head }: States) -> Self {
        let story = Arc::clone(&head.story);
        let other = (!Arc::ptr_eq(&base.story, &story)).then(|| Arc::clone(&base.story));
        Self { base, head, story, other }
    }
}

impl From<Written> for States {
    fn from(Written { mut base, mut head, story, other }: Written) -> Self {
        base.story = other.unwrap_or_else(|| Arc::clone(&story));
        head.story = story;
        Self { base, head }
    }
}
