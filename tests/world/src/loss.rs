//! A run in which the log drops entries before they are read: the processor was away for too long.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_schemas::rows::Cuboid;
use tallylight_store::live::{Changes, LiveStore, Retention};

use crate::cast::Cast;
use crate::check::{self, Outcome, decode_rows};
use crate::network;
use crate::world::{COLLECTORS, Run, World, on_own_runtime};

/// Runs a seed with this many viewers.
pub fn run(seed: u64, viewers: usize) -> Run {
    let cast = Cast::of(seed, viewers);
    let senders = cast.senders();
    let mut rng = StdRng::seed_from_u64(seed);
    let on_time = network::on_time(&senders, COLLECTORS, &mut rng);
    let mut before = network::disturbed(&on_time, COLLECTORS, &mut rng);
    let away = rng.random_range(15_000..60_000);
    let mut meanwhile = before.split_off(&(away, 0));
    let later = meanwhile.split_off(&(away + rng.random_range(20_000..60_000), 0));
    on_own_runtime(async {
        let mut world = World::new(seed, &senders);
        world.open().await;
        world.start_processor().await;
        world.live(before).await;
        world.stop_processor().await;
        let head = |world: &World<'_>| *world.log.head(EVENTS).unwrap().borrow();
        let from = head(&world);
        world.live(meanwhile).await;
        let lost = from..rng.random_range(from + 1..=head(&world));
        world.chaos.give_up(lost.end);
        world.chaos.note(format_args!("the log drops {lost:?}"));
        let (mut problems, shown) = shown(&world, from).await;
        world.start_processor().await;
        world.tick(1_000).await;
        let (partial, then) = self::shown(&world, head(&world)).await;
        problems.extend(partial);
        let fell = shown.iter().zip(then).find(|(before, after)| **before > *after);
        problems.extend(fell.map(|fall| format!("counts fell by the loss: {fall:?}")));
        world.live(later).await;
        let history = world.settle().await;
        let outcome = Outcome { lost, ..world.outcome(&cast, history).await };
        let (more, rows) = check::all(&outcome).await;
        problems.extend(more);
        world.over(problems, &rows)
    })
}

/// The view of live pages once the events below `head` are read: panes that are wrongly shown as
/// whole or as partial, and the totals of all panes (attempts, starts, ends, records).
async fn shown(world: &World<'_>, head: u64) -> (Vec<String>, [i64; 4]) {
    let wide = Retention { content_s: 86_400, ..Retention::default() };
    let (mut live, mut counts) = (LiveStore::new(wide), [0; 4]);
    for entry in world.log.read(ROWS, 0, usize::MAX).await.unwrap().entries {
        live.apply(decode_rows(&entry), &mut Changes::default());
    }
    let events = world.events().await;
    let read = events.iter().filter(|entry| entry.offset < head);
    let reached = read.map(|entry| entry.appended_at_us).max().unwrap();
    let panes = live.since(i64::MIN).playback;
    let mut problems = Vec::new();
    for pane in panes.iter().filter(|pane| pane.key.cuboid == Cuboid::Content) {
        let end = pane.pane + Cuboid::Content.width_us();
        // Progress is written once in a second of log time.
        let wrong = if pane.partial { end <= reached - 1_000_000 } else { end > reached };
        if wrong {
            problems.push(format!("{pane:?} is shown so while events reach up to {reached}"));
        }
        let all = &pane.sum.measures;
        let here = [all.attempts, all.starts, all.ends, all.events];
        counts.iter_mut().zip(here).for_each(|(sum, n)| *sum += n);
    }
    (problems, counts)
}
