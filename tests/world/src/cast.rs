//! Everyone who sends something.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::player::{Player, Record};
use crate::reporter::Reporter;

/// Everyone who sends something in a run. Senders are numbered: players first, then reporters.
#[derive(Debug)]
pub struct Cast {
    /// Viewers.
    pub players: Vec<Player>,
    /// Media services.
    pub reporters: Vec<Reporter>,
}

/// How a sender speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines of CMCD.
    Cmcd,
    /// Lines of JSON.
    Events,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Sender<'a> {
    /// Its name.
    pub name: String,
    /// How it speaks.
    pub form: Form,
    /// What its clock is off, ms.
    pub skew: i64,
    /// What it has to say, in order of time.
    pub records: &'a [Record],
}

impl Cast {
    /// The cast of a seed, of so many viewers.
    pub fn of(seed: u64, viewers: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let players: Vec<Player> = (0..viewers).map(|n| Player::new(n, &mut rng)).collect();
        let reporters = Reporter::all(&players, &mut rng);
        Self { players, reporters }
    }

    /// Everyone, by number.
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
