use super::*;
use proptest::prelude::*;

fn routes() -> Routes {
    Routes::new([("e1".to_owned(), 200), ("e2".to_owned(), 100)])
}

fn sids() -> Vec<String> {
    (0..3_000).map(|n| format!("session-{n}")).collect()
}

#[test]
fn homes_follow_the_weights_and_places_are_even() {
    let (routes, sids) = (routes(), sids());
    let at_e1 = sids.iter().filter(|sid| routes.home(sid) == "e1").count();
    assert!((1_850..2_150).contains(&at_e1), "{at_e1}");
    let low = sids.iter().filter(|sid| Routes::place(sid) < WHOLE / 4).count();
    assert!((650..850).contains(&low), "{low}");
    assert!((routes.share("e1") - 2.0 / 3.0).abs() < 1e-9);
}

#[test]
fn a_longer_slice_moves_only_the_added_part_and_undo_brings_them_home() {
    let (mut routes, sids) = (routes(), sids());
    let before: Vec<Pathway> = sids.iter().map(|sid| routes.pathway(sid)).collect();
    routes.put("e1", &[(0, 3_000)], &Pathway::full("e2"), "a");
    let third: Vec<Pathway> = sids.iter().map(|sid| routes.pathway(sid)).collect();
    assert_eq!(routes.free("e1", 3_000), [(3_000, 6_000)]);
    routes.put("e1", &[(3_000, 6_000)], &Pathway::low("e1"), "b");
    for (sid, was) in sids.iter().zip(&third) {
        let now = routes.pathway(sid);
        assert!(now == *was || *was == Pathway::full("e1"), "{sid}: {was:?} {now:?}");
    }
    assert_eq!(routes.remove("e1", "a"), [(0, 3_000)]);
    assert_eq!(routes.free("e1", WHOLE), [(0, 3_000), (6_000, WHOLE)]);
    routes.remove("e1", "b");
    assert_eq!(sids.iter().map(|sid| routes.pathway(sid)).collect::<Vec<_>>(), before);
}

#[test]
fn names_read_back() {
    for id in ["e1", "e1-low"] {
        assert_eq!(Pathway::parse(id).id(), id);
    }
}

proptest! {
    /// After any additions and removals, slices are in order, do not overlap, and shares add up.
    #[test]
    fn slices_never_overlap(steps in prop::collection::vec((0_u32..WHOLE, 0_u8..4, any::<bool>()), 1..30)) {
        let mut routes = routes();
        for (length, name, add) in steps {
            let name = name.to_string();
            if add {
                let places = routes.free("e1", length);
                routes.put("e1", &places, &Pathway::full("e2"), &name);
                routes.put("e1", &[(length / 2, length)], &Pathway::low("e1"), &name);
            } else {
                routes.remove("e1", &name);
            }
            let slices = routes.slices("e1");
            prop_assert!(slices.windows(2).all(|pair| pair[0].to <= pair[1].from));
            prop_assert!(slices.iter().all(|slice| slice.from < slice.to && slice.to <= WHOLE));
            prop_assert!((routes.share("e1") + routes.share("e2") - 1.0).abs() < 1e-9);
        }
    }
}
