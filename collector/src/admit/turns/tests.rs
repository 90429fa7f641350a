use futures::poll;

use super::*;

const PATIENCE: Duration = Duration::from_millis(500);

fn line() -> (Turns, Arc<str>, Arc<str>) {
    (Turns::new(1, PATIENCE, 1_000), Arc::from("a"), Arc::from("b"))
}

/// Offers `knock` bodies of a tenant; returns how many are admitted.
fn let_in(line: &mut Line, tenant: &Arc<str>, knock: u32) -> u32 {
    let mut got = 0;
    for _ in 0..knock {
        if line.has_room(tenant, 1) {
            line.enter(tenant, 1);
            got += 1;
        }
    }
    got
}

#[test]
fn as_many_are_let_in_as_would_come_to_a_turn_in_time() {
    let (turns, a, b) = line();
    let mut line = turns.line.lock();
    line.each = Duration::from_millis(10);
    // The last one admitted waits as long as allowed; another would wait longer.
    assert_eq!(let_in(&mut line, &a, 100), 51);
    // Another tenant gets as much of the line, until the wait is twice as long.
    assert_eq!(let_in(&mut line, &b, 100), 50);
    let c = Arc::from("c");
    assert_eq!(let_in(&mut line, &c, 100), 1, "who has nothing in it gets one in");
    for _ in 0..102 {
        let tenant = if line.waiting.contains_key(&a) { &a } else { &b };
        line.leave(tenant, 1);
    }
    line.leave(&c, 1);
    assert!(line.waiting.is_empty() && line.all == 0 && line.bytes == 0, "{line:?}");
}

#[test]
fn how_fast_it_moves_is_learnt_slowly_and_forgotten_when_nobody_waits() {
    let (turns, a, _) = line();
    let mut line = turns.line.lock();
    line.enter(&a, 1);
    line.moved(Duration::from_hours(1));
    assert!(line.has_room(&a, 1), "one that stood still: {:?}", line.each);
    for _ in 0..40 {
        line.moved(Duration::from_hours(1));
    }
    line.enter(&a, 1);
    assert!(!line.has_room(&a, 1), "{:?}", line.each);
    for _ in 0..40 {
        line.moved(Duration::from_millis(1));
    }
    assert!(line.has_room(&a, 1), "{:?}", line.each);
    line.each = PATIENCE;
    line.leave(&a, 1);
    line.leave(&a, 1);
    assert_eq!(line.each, USUAL);
}

#[test]
fn a_moment_in_which_nothing_moved_refuses_nobody_in_a_line_of_sixty() {
    let (turns, a, _) = line();
    let mut line = turns.line.lock();
    assert_eq!(let_in(&mut line, &a, 60), 60);
    // All joined before the stall, and then get their turns at the old pace.
    let since = line.moved_at;
    for n in 0..60 {
        line.moves(since, since + Duration::from_millis(200 + n));
        assert!(line.has_room(&a, 1), "after {n}: {:?}", line.each);
        line.leave(&a, 1);
        line.enter(&a, 1);
    }
}

#[test]
fn bytes_that_wait_are_bounded() {
    let (turns, a, b) = line();
    let mut line = turns.line.lock();
    assert!(line.has_room(&a, 5_000), "an empty line takes anybody");
    line.enter(&a, 900);
    assert!(!line.has_room(&a, 101) && line.has_room(&a, 100));
    assert!(line.has_room(&b, 101), "who has nothing in it gets one in");
}

#[tokio::test]
async fn bodies_come_to_their_turns_in_order_and_who_leaves_leaves_no_place() {
    let (turns, a, b) = line();
    let first = turns.take(&a, 10, false).await.unwrap();
    let mut second = Box::pin(turns.take(&a, 20, false));
    let mut third = Box::pin(turns.take(&b, 30, false));
    let mut fourth = Box::pin(turns.take(&b, 40, false));
    for turn in [&mut second, &mut third, &mut fourth] {
        assert!(poll!(turn).is_pending());
    }
    let waiting = || {
        let line = turns.line.lock();
        (line.all, line.bytes)
    };
    assert_eq!(waiting(), (3, 90));
    drop(third);
    assert_eq!(waiting(), (2, 60));
    drop(first);
    assert!(poll!(&mut fourth).is_pending(), "the second is before it");
    let second = second.await.unwrap();
    assert!(poll!(&mut fourth).is_pending());
    drop(second);
    drop(fourth.await.unwrap());
    assert_eq!(waiting(), (0, 0));
}

#[test]
fn a_flood_of_light_bodies_leaves_the_line_to_other_tenants() {
    let (turns, a, b) = line();
    let mut line = turns.line.lock();
    line.each = Duration::from_millis(10);
    let mut got = 0;
    for _ in 0..1_000 {
        if line.has_room_for_light(&a) {
            line.enter(&a, 1);
            got += 1;
        }
    }
    assert_eq!(got, 101, "until all wait for a second");
    assert!(line.has_room_for_light(&b));
    assert_eq!(let_in(&mut line, &b, 1), 1, "a large one, too");
    assert!(line.wait() < PATIENCE * TOO_LATE, "and has its turn: {:?}", line.wait());
}

#[tokio::test]
async fn a_light_body_waits_where_a_large_one_is_refused() {
    let (turns, a, _) = line();
    let first = turns.take(&a, 1, false).await.unwrap();
    let mut second = Box::pin(turns.take(&a, 1, false));
    assert!(poll!(&mut second).is_pending());
    turns.line.lock().each = PATIENCE * 2;
    assert_eq!(turns.take(&a, 1, false).await.unwrap_err(), Behind);
    let mut light = Box::pin(turns.take(&a, 1, true));
    assert!(poll!(&mut light).is_pending());
    drop(first);
    drop(second.await.unwrap());
    assert!(light.await.is_ok());
}
