//! A scripted player: what happens to its viewer, the records it makes of that, and the truth that
//! it keeps for itself.

use rand::Rng;
use rand::rngs::StdRng;
use tallylight_schemas::session::Outcome;

/// Unix time at which every run begins, at a whole minute, ms.
pub const T0: i64 = 1_795_000_020_000;

/// What really happened in a playback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The player's session id.
    pub sid: String,
    /// The number of the playback within the sid.
    pub epoch: u32,
    /// Its outcome.
    pub outcome: Outcome,
    /// From the click to the first frame, ms.
    pub startup_ms: Option<i64>,
    /// From the click to the first frame, or until the viewer gave up, ms.
    pub waited_ms: i64,
    /// Time playing, ms.
    pub playing_ms: i64,
    /// Time rebuffering, ms.
    pub rebuffering_ms: i64,
    /// Time seeking, ms.
    pub seeking_ms: i64,
    /// The part of all these times in the background, ms.
    pub background_ms: i64,
    /// Live latencies reported while it played, ms.
    pub latencies: Vec<i64>,
    /// Stalls.
    pub rebuffers: i64,
    /// Seeks after the first frame.
    pub seeks: i64,
    /// Bitrate switches.
    pub switches: i64,
    /// Records made.
    pub events: i64,
}

/// A record, and when it was made (ms after [`T0`], true time).
#[derive(Debug, Clone)]
pub struct Record {
    /// When it was made.
    pub at: i64,
    /// The line of CMCD.
    pub line: String,
    /// Its identity within the player: epoch and number.
    pub id: (u32, u64),
}

/// A viewer's visit: one playback or two.
#[derive(Debug, Clone)]
pub struct Player {
    /// The player's session id.
    pub sid: String,
    /// The error of its clock, ms.
    pub skew: i64,
    /// Its records, in order of time.
    pub records: Vec<Record>,
    /// The truth of each playback.
    pub truths: Vec<Truth>,
}

/// A playback being written down.
struct Script<'a> {
    player: &'a mut Player,
    rng: &'a mut StdRng,
    at: i64,
    sn: u64,
    kbps: i64,
    truth: Truth,
}

impl Player {
    /// Number `n` of a run, at random.
    pub fn new(n: usize, rng: &mut StdRng) -> Self {
        // A clock is off by minutes now and then.
        let skew = if n % 5 == 4 { rng.random_range(-600_000..600_000) } else { 0 };
        let sid = format!("viewer-{n}");
        let mut player = Self { sid, skew, records: Vec::new(), truths: Vec::new() };
        let mut at = rng.random_range(0..40_000);
        for epoch in 0..=u32::from(n % 4 == 3) {
            let mut script = Script::new(&mut player, rng, at, epoch);
            script.play();
            at = script.at + 3_000;
            let truth = script.truth;
            player.truths.push(truth);
        }
        player
    }
}

impl<'a> Script<'a> {
    fn new(player: &'a mut Player, rng: &'a mut StdRng, at: i64, epoch: u32) -> Self {
        let truth = Truth {
            sid: player.sid.clone(),
            epoch,
            outcome: Outcome::Played,
            startup_ms: None,
            waited_ms: 0,
            playing_ms: 0,
            rebuffering_ms: 0,
            seeking_ms: 0,
            background_ms: 0,
            latencies: Vec::new(),
            rebuffers: 0,
            seeks: 0,
            switches: 0,
            events: 0,
        };
        let kbps = [300, 600, 1_200][rng.random_range(0..3)];
        Self { player, rng, at, sn: 0, kbps, truth }
    }

    /// Writes a record of now.
    fn say(&mut self, what: &str) {
        let ts = T0 + self.at + self.player.skew;
        let line = format!(
            "{what},sid=\"{}\",cid=\"demo\",sn={},ts={ts},br=({};v),v=2",
            self.player.sid, self.sn, self.kbps
        );
        let id = (self.truth.epoch, self.sn);
        self.player.records.push(Record { at: self.at, line, id });
        self.sn += 1;
        self.truth.events += 1;
    }

    fn pass(&mut self, ms: std::ops::Range<i64>) -> i64 {
        let ms = self.rng.random_range(ms);
        self.at += ms;
        ms
    }

    fn play(&mut self) {
        self.say("e=ps,sta=s");
        let wait = self.pass(200..6_000);
        self.truth.waited_ms = wait;
        match self.rng.random_range(0..10) {
            0 => {
                self.truth.outcome = Outcome::StartFailed;
                return self.say("e=ps,sta=f,ec=(\"no-drm\")");
            }
            1 => {
                self.truth.outcome = Outcome::ExitBeforeStart;
                return self.say("e=ps,sta=q");
            }
            _ => {}
        }
        self.truth.startup_ms = Some(wait);
        self.say("e=ps,sta=p");
        for _ in 0..self.rng.random_range(1..6) {
            self.watch();
            self.interrupt();
        }
        self.watch();
        match self.rng.random_range(0..6) {
            0 => {
                self.truth.outcome = Outcome::Failed;
                self.say("e=ps,sta=f,ec=(\"decoder\")");
            }
            // Closed by force: it reports nothing more.
            1 if self.player.truths.is_empty() => self.say("e=t"),
            _ => self.say("e=ps,sta=e"),
        }
    }

    /// Plays for a while, with heartbeats.
    fn watch(&mut self) {
        for _ in 0..self.rng.random_range(1..3) {
            self.truth.playing_ms += self.pass(500..9_000);
            if self.rng.random_bool(0.5) {
                let latency = self.rng.random_range(1_500..30_000);
                self.truth.latencies.push(latency);
                self.say(&format!("e=t,ltc={latency}"));
            } else {
                self.say("e=t");
            }
        }
    }

    /// An interruption; then it plays again.
    fn interrupt(&mut self) {
        match self.rng.random_range(0..6) {
            0 => {
                self.say("e=ps,sta=r");
                self.truth.rebuffers += 1;
                self.truth.rebuffering_ms += self.pass(100..5_000);
            }
            1 => {
                self.say("e=ps,sta=k");
                self.truth.seeks += 1;
                self.truth.seeking_ms += self.pass(100..3_000);
                // The buffer that a seek empties is part of the seek.
                self.say("e=ps,sta=r");
                self.truth.seeking_ms += self.pass(100..2_000);
            }
            2 => {
                // To the background, where it is paused, and back.
                self.say("e=b,bg,sta=a");
                self.pass(1_000..20_000);
            }
            3 => {
                // To the background, where its sound plays on.
                self.say("e=b,bg");
                let heard = self.pass(1_000..20_000);
                self.truth.playing_ms += heard;
                self.truth.background_ms += heard;
                return self.say("e=b");
            }
            4 => {
                // An ad in the stream: it plays on.
                self.say("e=as");
                self.truth.playing_ms += self.pass(5_000..15_000);
                return self.say("e=ae");
            }
            _ => {
                let higher = if self.kbps == 600 { 1_200 } else { 600 };
                (self.kbps, self.truth.switches) = (higher, self.truth.switches + 1);
                return self.say("e=bc");
            }
        }
        self.say("e=ps,sta=p");
    }
}
