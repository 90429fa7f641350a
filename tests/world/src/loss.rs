//! A run in which the log gives entries up before anybody has read them: the processor was away
//! for too long.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tallylight_schemas::record::{EVENTS, ROWS};
use tallylight_schemas::rows::Cuboid;
use tallylight_store::live::{Changes, LiveStore, Retention};

use crate::cast::Cast;
use crate::check::{self, Outcome, told};
use crate::network;
use crate::world::{DOORS, Run, World, alone};

/// Runs a seed with so many viewers.
pub fn run(seed: u64, viewers: usize) -> Run {
    let cast = Cast::of(seed, viewers);
    let senders = cast.senders();
    let mut rng = StdRng::seed_from_u64(seed);
    let calm = network::on_time(&senders, DOORS, &mut rng);
    let mut before = network::disturbed(&calm, DOORS, &mut rng);
    let away = rng.random_range(15_000..60_000);
    let mut meanwhile = before.split_off(&(away, 0));
    let later = meanwhile.split_off(&(away + rng.random_range(20_000..60_000), 0));
    alone(async {
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
        world.chaos.note(format_args!("the log gives up {lost:?}"));
        let (mut problems, shown) = shown(&world).await;
        world.start_processor().await;
        world.tick(1_000).await;
        let (partial, then) = self::shown(&world).await;
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

/// What live pages make of the rows so far: panes that are shown as whole although they are not,
/// or the other way round, and what is counted in all panes (attempts, starts, ends, records).
async fn shown(world: &World<'_>) -> (Vec<String>, [i64; 4]) {
    let wide = Retention { content_s: 86_400, ..Retention::default() };
    let (mut live, mut counts) = (LiveStore::new(wide), [0; 4]);
    for entry in world.log.read(ROWS, 0, usize::MAX).await.unwrap().entries {
        live.apply(told(&entry), &mut Changes::default());
    }
    let reached = live.progress().complete_up_to().unwrap_or(i64::MIN);
    let panes = live.since(i64::MIN).playback;
    let mut problems = Vec::new();
    for pane in panes.iter().filter(|pane| pane.key.cuboid == Cuboid::Content) {
        if pane.partial != (pane.pane + Cuboid::Content.width_us() > reached) {
            problems.push(format!("{pane:?} is shown so while rows reach up to {reached}"));
        }
        let all = &pane.sum.measures;
        let here = [all.attempts, all.starts, all.ends, all.events];
        counts.iter_mut().zip(here).for_each(|(sum, n)| *sum += n);
    }
    (problems, counts)
}
