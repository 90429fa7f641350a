use proptest::prelude::*;

use super::super::clue::Clue;
use super::super::fact::{Origin, Token};
use super::super::said::Said;
use super::super::words::Words;
use super::*;

fn said(words: &mut Words, n: u8) -> Option<Said> {
    (n > 0).then(|| Said { content: Some(words.share(&n.to_string())), ..Said::default() })
}

type Numbers = (i64, Option<i64>, Option<u64>, u64, [i32; 9]);

fn mark(words: &mut Words, numbers: Numbers, kind: (u8, u8, bool, bool), of: (u8, u32)) -> Mark {
    let (at, ts, sn, id, others) = numbers;
    let origin = Origin::ALL[usize::from(kind.0)];
    let mut fact = Fact::bare(at, origin);
    if origin != Origin::Silence {
        fact.id = id;
    }
    (fact.ts, fact.sn, fact.said) = (ts.into(), sn, said(words, of.0));
    (fact.token, fact.error, fact.hidden) = (Token::at(usize::from(kind.1)), kind.2, kind.3);
    (fact.reported, fact.change) = (numbers.3 % 2 == 1, numbers.3 % 3 == 1);
    fact.clue = usize::from(kind.1).checked_sub(10).and_then(Clue::at);
    fact.numbers_mut().into_iter().zip(others).for_each(|(number, other)| *number = other);
    Mark { fact, cells: Cells::in_place(of.1) }
}

proptest! {
    /// Against a list of the facts themselves, with any numbers in them.
    #[test]
    fn it_is_a_list_of_facts(
        steps in prop::collection::vec((
            0_usize..8,
            (any::<i64>(), any::<Option<i64>>(), any::<Option<u64>>(), any::<u64>(), any::<[i32; 9]>()),
            (0_u8..4, 0_u8..15, any::<bool>(), any::<bool>()),
            (0_u8..6, 0_u32..20),
        ), 1..120),
    ) {
        let (mut tail, mut words) = (Tail::default(), Words::default());
        let (mut model, mut gone) = (std::collections::VecDeque::<Mark>::new(), None);
        for (what, numbers, kind, of) in steps {
            match what {
                0 | 1 => {
                    let popped = model.pop_front();
                    gone = popped.map(|mark| mark.cells).or(gone);
                    prop_assert_eq!(tail.pop_front(), popped);
                }
                2 => {
                    let from = numbers.3 as usize % (model.len() + 1);
                    prop_assert_eq!(tail.split_off(from), Vec::from(model.split_off(from)));
                }
                _ => {
                    let mark = mark(&mut words, numbers, kind, of);
                    model.push_back(mark);
                    tail.push(&mark);
                    let most = FEW + 3 * model.len() + 2;
                    prop_assert!(tail.entries().count() <= most);
                }
            }
            prop_assert!(tail.is_sound());
            prop_assert_eq!(tail.len(), model.len());
            prop_assert_eq!(tail.iter().collect::<Vec<_>>(), Vec::from(model.clone()));
            prop_assert_eq!(tail.first_at(), model.front().map(|mark| mark.fact.at));
            prop_assert_eq!(tail.last_at(), model.back().map(|mark| mark.fact.at));
            prop_assert_eq!(tail.last(), model.back().map(|mark| mark.fact));
            prop_assert_eq!(tail.here(), model.back().map(|mark| mark.cells).or(gone));
        }
    }
}

#[test]
fn a_fact_as_players_send_it_takes_some_25_bytes() {
    let (mut tail, mut words) = (Tail::default(), Words::default());
    for n in 0..100_i64 {
        let at = 1_795_000_000_000 + 30_000 * n;
        let others = [3_000, 18_200, 0, 6_400, -1, 0, -1, -1, -1];
        let numbers = (at, Some(at), Some(n.cast_unsigned()), u64::MAX, others);
        tail.push(&mark(&mut words, numbers, (2, 2, false, false), (1, 1)));
        if tail.len() > 5 {
            tail.pop_front();
        }
    }
    assert!(tail.bytes.capacity() <= 5 * 40, "{} bytes", tail.bytes.capacity());
}

#[test]
fn what_points_outside_of_its_bytes_is_not_sound() {
    let tail = Tail { bytes: vec![0; 20], facts: 12, last: 8, count: 2, ..Tail::default() };
    assert!(tail.is_sound());
    for wrong in [
        Tail { facts: 13, ..tail.clone() },
        Tail { last: u32::MAX, ..tail.clone() },
        Tail { count: 21, ..tail },
    ] {
        assert!(!wrong.is_sound(), "{wrong:?}");
    }
}
