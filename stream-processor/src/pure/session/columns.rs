//! The dimensions of every open session in columns: a question about a million sessions reads the
//! columns it names and not the sessions.

use std::sync::Arc;

use super::dimensions::Dimensions;
use super::fact::Token;
use super::words::{Word, Words};

/// A column that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Content id.
    Content,
    /// Edge.
    Edge,
    /// Pipeline.
    Pipeline,
    /// Country.
    Country,
    /// Device.
    Device,
    /// Operating system.
    Os,
    /// Player and its version.
    Player,
    /// Autonomous system of the network.
    Asn,
    /// CMCD `sta`.
    State,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Places in [`OpenColumns::words`].
    Words(Vec<Option<Word>>),
    /// Numbers.
    Numbers(Vec<Option<u32>>),
    /// States.
    Tokens(Vec<Option<Token>>),
}

/// Columns of all open sessions of a tenant in a partition, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenColumns {
    /// Sessions.
    pub rows: usize,
    /// In the order of the question.
    pub columns: Vec<Column>,
    /// The partition's words by number.
    pub words: Vec<Option<Arc<str>>>,
}

/// What columns show of an open session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) dimensions: Dimensions,
    pub(super) token: Option<Token>,
}

/// See the module. A column ends at the last place that was set.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    tenants: Vec<Arc<str>>,
    /// The tenant of the open session in a place, by number from 1; 0 is none.
    tenant: Vec<u32>,
    content: Vec<Option<Word>>,
    edge: Vec<Option<Word>>,
    pipeline: Vec<Option<Word>>,
    country: Vec<Option<Word>>,
    device: Vec<Option<Word>>,
    os: Vec<Option<Word>>,
    player: Vec<Option<Word>>,
    asn: Vec<Option<u32>>,
    token: Vec<Option<Token>>,
}

impl Columns {
    /// Stores what is in a place now: an open session, or none.
    pub(super) fn set(&mut self, slot: u32, shown: Option<(&str, Shown)>) {
        let at = slot as usize;
        let Some((tenant, Shown { dimensions: here, token })) = shown else {
            return put(&mut self.tenant, at, 0);
        };
        let tenant = u32::try_from(self.place(tenant) + 1).unwrap_or(u32::MAX);
        put(&mut self.tenant, at, tenant);
        put(&mut self.content, at, here.content);
        put(&mut self.edge, at, here.edge);
        put(&mut self.pipeline, at, here.pipeline);
        put(&mut self.country, at, here.country);
        put(&mut self.device, at, here.device);
        put(&mut self.os, at, here.os);
        put(&mut self.player, at, here.player);
        put(&mut self.asn, at, here.asn);
        put(&mut self.token, at, token);
    }

    /// A tenant's name, to be shared.
    pub(super) fn tenant(&mut self, name: &str) -> Arc<str> {
        let at = self.place(name);
        Arc::clone(&self.tenants[at])
    }

    /// A tenant's place among all. There are as many as the collector's keys name, a handful.
    fn place(&mut self, tenant: &str) -> usize {
        let known = self.tenants.iter().position(|known| **known == *tenant);
        known.unwrap_or_else(|| {
            self.tenants.push(Arc::from(tenant));
            self.tenants.len() - 1
        })
    }

    /// The places of a tenant's open sessions, from a place on.
    pub(super) fn open(&self, tenant: &str, from: u32) -> impl Iterator<Item = u32> {
        let known = self.tenants.iter().position(|known| **known == *tenant);
        let number = known.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX));
        let there = (from..).zip(self.tenant.iter().skip(from as usize));
        there.filter(move |(_, of)| Some(**of) == number).map(|(slot, _)| slot)
    }

    /// The columns of a tenant's open sessions.
    pub(super) fn read(&self, tenant: &str, asked: &[Dimension], words: &Words) -> OpenColumns {
        let slots: Vec<u32> = self.open(tenant, 0).collect();
        let words_of = |column: &[Option<Word>]| Column::Words(pick(column, &slots));
        let columns = asked.iter().map(|dimension| match dimension {
            Dimension::Content => words_of(&self.content),
            Dimension::Edge => words_of(&self.edge),
            Dimension::Pipeline => words_of(&self.pipeline),
            Dimension::Country => words_of(&self.country),
            Dimension::Device => words_of(&self.device),
            Dimension::Os => words_of(&self.os),
            Dimension::Player => words_of(&self.player),
            Dimension::Asn => Column::Numbers(pick(&self.asn, &slots)),
            Dimension::State => Column::Tokens(pick(&self.token, &slots)),
        });
        let columns = columns.collect();
        OpenColumns { rows: slots.len(), columns, words: words.texts().to_vec() }
    }
}

/// Stores a value in a place, and nothing in the places before it that were never set.
fn put<T: Copy + Default>(column: &mut Vec<T>, at: usize, value: T) {
    if at >= column.len() {
        column.resize(at + 1, T::default());
    }
    column[at] = value;
}

/// The values in these places, each of which was set.
fn pick<T: Copy>(column: &[T], slots: &[u32]) -> Vec<T> {
    if slots.len() == column.len() {
        return column.to_vec();
    }
    slots.iter().map(|slot| column[*slot as usize]).collect()
}
