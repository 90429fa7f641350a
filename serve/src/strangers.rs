//! Who connects again and again and never asks: a handshake costs the server more than the client,
//! so those of such addresses take turns, and the others do not wait for them.
//!
//! Many clients may share an address, behind a NAT or a balancer of load: each connection that asks
//! makes up for one that did not. Of those that have to wait for their turn some end before it comes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// So many connections without a request may come at once: probes, and sockets that browsers open
/// ahead.
const BURST: f64 = 64.0;
/// And so many a second are forgotten.
const FORGOTTEN_PER_S: f64 = 10.0;
/// Handshakes of strangers at a time.
const TURNS: usize = 4;
/// Addresses that are remembered; with more at a time, new ones are not.
const REMEMBERED: usize = 4_096;
/// A turn takes at least so long, so that what strangers cost has an end …
const TURN: Duration = Duration::from_millis(20);
/// … and at most so long, so that who says nothing does not keep it.
const LONGEST_TURN: Duration = Duration::from_millis(500);

/// What is remembered of addresses.
#[derive(Debug)]
pub(crate) struct Strangers {
    known: Mutex<HashMap<IpAddr, Debt>>,
    /// Addresses share them by their hash, so that one does not keep all others waiting.
    turns: [Semaphore; TURNS],
}

/// Connections without a request, less those with one and what is forgotten.
#[derive(Debug, Clone, Copy)]
struct Debt {
    level: f64,
    at: Instant,
}

impl Debt {
    fn at(self, now: Instant) -> f64 {
        let forgotten = now.saturating_duration_since(self.at).as_secs_f64() * FORGOTTEN_PER_S;
        (self.level - forgotten).max(0.0)
    }
}

impl Default for Strangers {
    fn default() -> Self {
        Self { known: Mutex::default(), turns: std::array::from_fn(|_| Semaphore::new(1)) }
    }
}

/// A client has the whole /64 of an IPv6 address to itself.
fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
        four => four,
    }
}

fn lane(peer: IpAddr) -> usize {
    let mut hasher = DefaultHasher::new();
    client(peer).hash(&mut hasher);
    hasher.finish() as usize % TURNS
}

impl Strangers {
    /// Every critical section leaves the map whole, so a poisoned lock is still good.
    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Debt>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of this address asked for the first time, or ended and never had.
    pub(crate) fn learn(&self, peer: IpAddr, asked: bool, now: Instant) {
        let (peer, mut known) = (client(peer), self.known());
        // Who asks is nearly always unknown, and must not wait for others to be looked through.
        if !asked && known.len() >= REMEMBERED {
            known.retain(|_, debt| debt.at(now) > 0.0);
        }
        let level = match known.get(&peer) {
            None if asked || known.len() >= REMEMBERED => return,
            None => 1.0,
            Some(debt) if asked => debt.at(now) - 1.0,
            Some(debt) => (debt.at(now) + 1.0).min(2.0 * BURST),
        };
        if level > 0.0 {
            known.insert(peer, Debt { level, at: now });
        } else {
            known.remove(&peer);
        }
    }

    fn is_stranger(&self, peer: IpAddr, now: Instant) -> bool {
        self.known().get(&client(peer)).is_some_and(|debt| debt.at(now) > BURST)
    }

    /// Does a handshake, in turn where the address is a stranger's; `None`: it took too long there.
    pub(crate) async fn greet<T>(
        &self,
        peer: IpAddr,
        handshake: impl Future<Output = T>,
    ) -> Option<T> {
        if !self.is_stranger(peer, Instant::now()) {
            return Some(handshake.await);
        }
        // The semaphore is never closed.
        let _turn = self.turns[lane(peer)].acquire().await.ok()?;
        let greeted = timeout(LONGEST_TURN, handshake).await.ok();
        sleep(TURN).await;
        greeted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn who_never_asks_is_a_stranger_for_a_while_and_nobody_else() {
        let (strangers, start) = (Strangers::default(), Instant::now());
        let [bad, good] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        for _ in 0..65 {
            strangers.learn(bad, false, start);
            strangers.learn(good, false, start);
            strangers.learn(good, true, start);
        }
        assert!(strangers.is_stranger(bad, start) && !strangers.is_stranger(good, start));
        assert!(!strangers.is_stranger(bad, at(start, 200)), "ten a second are forgotten");
        for _ in 0..10_000 {
            strangers.learn(bad, false, start);
        }
        assert!(!strangers.is_stranger(bad, at(start, 6_500)), "and none is held for ever");
    }

    #[test]
    fn addresses_are_those_of_clients_and_not_without_end() {
        let (strangers, now) = (Strangers::default(), Instant::now());
        let peer = |text: &str| text.parse::<IpAddr>().expect("an address");
        for _ in 0..65 {
            strangers.learn(peer("2001:db8::1"), false, now);
            strangers.learn(peer("::ffff:10.0.0.9"), false, now);
        }
        assert!(strangers.is_stranger(peer("2001:db8::2"), now), "the same /64");
        assert!(!strangers.is_stranger(peer("2001:db8:0:1::1"), now));
        assert!(strangers.is_stranger(peer("10.0.0.9"), now), "the same address, mapped");
        for n in 0..10_000_u32 {
            strangers.learn(IpAddr::from(n.to_be_bytes()), false, now);
        }
        assert_eq!(strangers.known().len(), REMEMBERED);
        strangers.learn(peer("192.0.2.1"), false, at(now, 60_000));
        assert_eq!(strangers.known().len(), 1, "what is forgotten makes room");
    }
}
