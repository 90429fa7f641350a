//! The words of facts.

use serde::{Deserialize, Serialize};
use tallylight_schemas::delivery::DeliveryEvent;

use super::words::{Word, Words};
use crate::pure::input::PlayerInput;
use crate::pure::limits::clip;

/// Words that come with facts.
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
        (self.edge, self.pipeline) == (None, None)
            && same(self.content, input.cid)
            && same(self.country, input.country)
            && same(self.device, input.device)
            && same(self.os, input.os)
            && same(self.player, input.player)
            && self.asn == input.asn
            && same(self.error, input.ec.as_deref())
    }

    /// The words of a player's record. They are first compared with earlier ones, the newest first,
    /// which costs less than looking up the number of each.
    pub fn by_player(
        input: &PlayerInput<'_>,
        mut before: impl Iterator<Item = Said>,
        words: &mut Words,
    ) -> Option<Said> {
        if let Some(same) = before.find(|said| said.matches(input, words)) {
            return Some(same);
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
        (said != Said::default()).then_some(said)
    }

    /// From where an edge served the session.
    pub fn by_edge(event: &DeliveryEvent, words: &mut Words) -> Said {
        let mut word = |text: Option<&str>| text.and_then(clip).map(|text| words.share(text));
        Said {
            edge: word(event.edge.as_deref()),
            pipeline: word(event.pipeline.as_deref()),
            ..Said::default()
        }
    }

    /// Every word in it.
    pub(super) fn words(self) -> impl Iterator<Item = Word> {
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

    /// The numbers of its words and of the network; those of edges and errors come last.
    pub(super) fn numbers(&self) -> [Option<u32>; 9] {
        let of = |word: Option<Word>| word.map(Word::place);
        [
            of(self.content),
            of(self.country),
            of(self.device),
            of(self.os),
            of(self.player),
            self.asn,
            of(self.edge),
            of(self.pipeline),
            of(self.error),
        ]
    }

    /// The words with these numbers.
    pub(super) fn of_numbers(numbers: [Option<u32>; 9]) -> Self {
        let [content, country, device, os, player, asn, edge, pipeline, error] = numbers;
        let word = |place: Option<u32>| place.map(Word::at);
        Self {
            content: word(content),
            country: word(country),
            device: word(device),
            os: word(os),
            player: word(player),
            asn,
            edge: word(edge),
            pipeline: word(pipeline),
            error: word(error),
        }
    }
}
