//! The viewers' scripts. A plan never says what a viewer will see: a stall is planned as a
//! throttled download, and its effect follows from the player.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::Settings;
use crate::settings::STALL_S;

/// How a session is meant to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Requests a stream that does not exist.
    StartFails,
    /// Has a line too slow to start on, and gives up after this long.
    GivesUp(Duration),
    /// Leaves this long after pressing Play.
    Leaves(Duration),
    /// This long after pressing Play, begins to request segments that are gone.
    Fails(Duration),
}

/// A slow spell of the line: begins some time after the first frame and ends once the player
/// has stalled for some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// When it begins, after the first frame.
    pub after: Duration,
    /// How long the stall lasts before the line recovers.
    pub stall: Duration,
}

/// One session's script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlan {
    /// Pause before pressing Play.
    pub wait: Duration,
    /// Device, as claimed in `com.tallylight-device`.
    pub device: &'static str,
    /// Country, as claimed in `com.tallylight-country`.
    pub country: &'static str,
    /// What the line carries, kbps.
    pub line_kbps: u32,
    /// The tallest picture that the device takes.
    pub max_height: u32,
    /// Slow spells, in order.
    pub throttles: Vec<Throttle>,
    /// How it ends.
    pub end: End,
}

/// The scripts of all viewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Each viewer's sessions, in order.
    pub viewers: Vec<Vec<SessionPlan>>,
}

/// The TV model whose players cannot switch bitrate while the fault `stuck_tv` is on.
pub const STUCK_DEVICE: &str = "tv-x900";

const DEVICES: &[(&str, u32, u32)] = &[
    // Device, tallest picture, share in percent.
    ("tv", 360, 28),
    (STUCK_DEVICE, 360, 7),
    ("phone", 270, 35),
    ("desktop", 360, 20),
    ("tablet", 360, 10),
];
const COUNTRIES: &[(&str, u32)] =
    &[("US", 28), ("DE", 16), ("BR", 14), ("IN", 14), ("GB", 10), ("JP", 8), ("FR", 6), ("ZA", 4)];

fn pick<T: Copy>(rng: &mut StdRng, shares: impl Iterator<Item = (T, u32)>, first: T) -> T {
    let mut left = rng.random_range(0..100);
    for (value, share) in shares {
        if left < share {
            return value;
        }
        left -= share;
    }
    first
}

fn between(rng: &mut StdRng, from_ms: u64, to_ms: u64) -> Duration {
    Duration::from_millis(rng.random_range(from_ms..=to_ms))
}

impl SessionPlan {
    /// A random session of an ordinary evening: mostly good, sometimes bad.
    pub fn any(rng: &mut StdRng, longest_wait: Duration) -> Self {
        let end = match rng.random_range(0..1_000) {
            0..=5 => End::StartFails,
            6..=20 => End::GivesUp(between(rng, 1_500, 6_000)),
            21..=24 => End::Fails(between(rng, 20_000, 200_000)),
            _ => End::Leaves(between(rng, 45_000, 420_000)),
        };
        let mut throttles = Vec::new();
        if rng.random_range(0..100) < 12 {
            throttles.push(Throttle {
                after: between(rng, 5_000, 120_000),
                stall: between(rng, 400, 3_000),
            });
        }
        let mut session = Self::made(rng, longest_wait, throttles, end);
        if session.device == STUCK_DEVICE {
            session.throttles.clear();
        }
        session
    }

    fn made(rng: &mut StdRng, longest_wait: Duration, throttles: Vec<Throttle>, end: End) -> Self {
        let device = pick(rng, DEVICES.iter().map(|d| ((d.0, d.1), d.2)), ("tv", 360));
        // That model only has good lines, so that only its fault makes it stall.
        let slowest = if device.0 == STUCK_DEVICE { 4_000 } else { 900 };
        Self {
            wait: between(rng, 0, longest_wait.as_millis().try_into().unwrap_or(u64::MAX)),
            device: device.0,
            country: pick(rng, COUNTRIES.iter().copied(), "US"),
            line_kbps: rng.random_range(slowest..20_000),
            max_height: device.1,
            throttles,
            end,
        }
    }
}

impl Plan {
    /// The script of a test: `viewers` for `duration_s`, with `stalls_per_viewer` slow spells
    /// each. The first `bad_starts` viewers fail to start once and the next `bad_starts` give up
    /// once; all of these then press Play again. The next `bad_starts` fail when others leave.
    pub fn scripted(settings: &Settings) -> Self {
        let mut rng = StdRng::seed_from_u64(settings.seed);
        let arrive = Duration::from_secs(u64::from(settings.arrive_s));
        let stay_ms = u64::from(settings.stay_s()) * 1_000;
        let stay = Duration::from_millis(stay_ms);
        let viewers = (0..settings.viewers).map(|number| {
            let (mut sessions, mut end) = (Vec::new(), End::Leaves(stay));
            match number.checked_div(settings.bad_starts) {
                Some(0) => {
                    sessions.push(SessionPlan::made(&mut rng, arrive, vec![], End::StartFails));
                }
                Some(1) => {
                    let give_up = End::GivesUp(between(&mut rng, 1_500, 5_000));
                    sessions.push(SessionPlan::made(&mut rng, arrive, vec![], give_up));
                }
                Some(2) => end = End::Fails(stay),
                _ => {}
            }
            // Slow spells in equal slots of the stay, so that each can empty the buffer; in a slot
            // that just has time for it, at once.
            let count = u64::from(settings.stalls_per_viewer);
            let slot = stay_ms / count.max(1);
            let latest = (slot / 4).min(slot.saturating_sub(u64::from(STALL_S) * 1_000));
            let throttles = (0..count)
                .map(|n| Throttle {
                    after: Duration::from_millis(n * slot + 2_000) + between(&mut rng, 0, latest),
                    stall: between(&mut rng, 300, 2_500),
                })
                .collect();
            let wait = if sessions.is_empty() { arrive } else { Duration::from_secs(1) };
            sessions.push(SessionPlan::made(&mut rng, wait, throttles, end));
            sessions
        });
        Self { viewers: viewers.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_holds_what_was_asked_for_and_repeats() {
        let settings = Settings {
            viewers: 200,
            duration_s: 180,
            bad_starts: 20,
            stalls_per_viewer: 2,
            ..Settings::default()
        };
        let plan = Plan::scripted(&settings);
        assert_eq!(plan, Plan::scripted(&settings));
        let all: Vec<_> = plan.viewers.iter().flatten().collect();
        assert_eq!(all.iter().filter(|s| s.end == End::StartFails).count(), 20);
        assert_eq!(all.iter().filter(|s| matches!(s.end, End::GivesUp(_))).count(), 20);
        assert_eq!(all.iter().filter(|s| matches!(s.end, End::Fails(_))).count(), 20);
        assert_eq!(all.iter().map(|s| s.throttles.len()).sum::<usize>(), 400);
    }

    #[test]
    fn the_model_that_a_fault_breaks_has_no_other_reason_to_stall() {
        let mut rng = StdRng::seed_from_u64(1);
        let any = (0..10_000).map(|_| SessionPlan::any(&mut rng, Duration::ZERO));
        let (broken, others): (Vec<_>, Vec<_>) = any.partition(|one| one.device == STUCK_DEVICE);
        assert!(broken.len() > 500 && broken.iter().all(|one| one.throttles.is_empty()));
        assert!(others.iter().any(|one| !one.throttles.is_empty()));
    }
}
