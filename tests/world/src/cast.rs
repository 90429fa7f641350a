//! All senders of a run.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::player::{Player, Record};
use crate::reporter::Reporter;

/// All senders of a run. They are numbered: players first, then reporters.
#[derive(Debug)]
pub struct Cast {
    /// Viewers.
    pub players: Vec<Player>,
    /// Media services.
    pub reporters: Vec<Reporter>,
}

/// The format of a sender's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines of CMCD.
    Cmcd,
    /// Lines of JSON.
    Events,
}

/// A sender.
#[derive(Debug, Clone)]
pub struct Sender<'a> {
    /// Its name.
    pub name: String,
    /// The format of its records.
    pub form: Form,
    /// The error of its clock, ms.
    pub skew: i64,
    /// Its records, in order of time.
    pub records: &'a [Record],
}

impl Cast {
    /// The cast of a seed, with this many viewers.
    pub fn of(seed: u64, viewers: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let players: Vec<Player> = (0..viewers).map(|n| Player::new(n, &mut rng)).collect();
        let reporters = Reporter::all(&players, &mut rng);
        Self { players, reporters }
    }

    /// All senders, by number.
    pub fn senders(&self) -> Vec<Sender<'_>> {
        let players = self.players.iter().map(|player| Sender {
            name: player.sid.clone(),
            form: Form::Cmcd,
            skew: player.skew,
            records: &player.records,
        });
        let reporters = self.reporters.iter().map(|reporter| Sender {
            name: reporter.source(),
            form: Form::Events,
            skew: 0,
            records: &reporter.records,
        });
        players.chain(reporters).collect()
    }
}
