//! Throttles addresses ("strangers") that connect again and again without sending a request. A TLS
//! handshake costs the server more than the client, so handshakes of such addresses take turns, and
//! other clients do not wait for them.
//!
//! Many clients may share an address, behind a NAT or a load balancer, so each connection with a
//! request offsets one without. Some connections that wait for a turn end before it comes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Tolerated connections without a request at once: probes, and sockets that browsers open in
/// advance.
const BURST: f64 = 64.0;
/// Connections without a request that are forgiven per second.
const FORGIVEN_PER_S: f64 = 10.0;
/// Concurrent handshakes of strangers.
const TURNS: usize = 4;
/// The most addresses to remember; beyond this, new ones are not recorded.
const REMEMBERED: usize = 4_096;
/// The minimum duration of a turn, which bounds the cost of strangers …
const TURN: Duration = Duration::from_millis(20);
/// … and the maximum, so that a silent client does not keep it.
const LONGEST_TURN: Duration = Duration::from_millis(500);

/// What is remembered about addresses.
#[derive(Debug)]
pub(crate) struct Strangers {
    known: Mutex<HashMap<IpAddr, Debt>>,
    /// Addresses are assigned by hash, so that one address does not delay all others.
    turns: [Semaphore; TURNS],
}

/// Connections without a request, minus those with one and those forgiven over time.
#[derive(Debug, Clone, Copy)]
struct Debt {
    level: f64,
    at: Instant,
}

impl Debt {
    fn at(self, now: Instant) -> f64 {
        let forgiven = now.saturating_duration_since(self.at).as_secs_f64() * FORGIVEN_PER_S;
        (self.level - forgiven).max(0.0)
    }
}

impl Default for Strangers {
    fn default() -> Self {
        Self { known: Mutex::default(), turns: std::array::from_fn(|_| Semaphore::new(1)) }
    }
}

/// The address of a client: for IPv6 the /64 prefix, since a client has all of it.
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
    /// Records that a connection of this address sent its first request, or ended without one.
    pub(crate) fn learn(&self, peer: IpAddr, asked: bool, now: Instant) {
        let (peer, mut known) = (client(peer), self.known.lock());
        // A client with requests is nearly always unknown here, and must not wait for the purge.
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
        self.known.lock().get(&client(peer)).is_some_and(|debt| debt.at(now) > BURST)
    }

    /// Runs a handshake, in turn if the address is a stranger; `None` if its turn took too long.
    pub(crate) async fn handshake<T>(
        &self,
        peer: IpAddr,
        handshake: impl Future<Output = T>,
    ) -> Option<T> {
        if !self.is_stranger(peer, Instant::now()) {
            return Some(handshake.await);
        }
        // The semaphore is never closed.
        let _turn = self.turns[lane(peer)].acquire().await.ok()?;
        let done = timeout(LONGEST_TURN, handshake).await.ok();
        sleep(TURN).await;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn only_addresses_without_requests_are_strangers_and_only_for_a_while() {
        let (strangers, start) = (Strangers::default(), Instant::now());
        let [bad, good] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        for _ in 0..65 {
            strangers.learn(bad, false, start);
            strangers.learn(good, false, start);
            strangers.learn(good, true, start);
        }
        assert!(strangers.is_stranger(bad, start) && !strangers.is_stranger(good, start));
        assert!(!strangers.is_stranger(bad, at(start, 200)), "ten a second are forgiven");
        for _ in 0..10_000 {
            strangers.learn(bad, false, start);
        }
        assert!(!strangers.is_stranger(bad, at(start, 6_500)), "and the debt is bounded");
    }

    #[test]
    fn addresses_identify_clients_and_are_limited_in_number() {
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
        assert_eq!(strangers.known.lock().len(), REMEMBERED);
        strangers.learn(peer("192.0.2.1"), false, at(now, 60_000));
        assert_eq!(strangers.known.lock().len(), 1, "what is forgiven makes room");
    }
}
