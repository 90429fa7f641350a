//! The result as a Markdown table, to be pasted into docs/performance-log.md.

use super::{Run, Switch};

/// Median and maximum of the known values, and how many are missing.
fn spread(of: impl Iterator<Item = Option<f64>>) -> String {
    let all: Vec<Option<f64>> = of.collect();
    let mut known: Vec<f64> = all.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let (Some(middle), Some(most)) = (known.get(known.len() / 2), known.last()) else {
        return "–".to_owned();
    };
    let missing = all.len() - known.len();
    let missing = if missing > 0 { format!(", {missing} never") } else { String::new() };
    format!("{middle:.1} s ({most:.1} s{missing})")
}

fn line(switch: &Switch, runs: &[Run]) -> String {
    let hit = runs.iter().map(|run| run.hit).fold(0.0, f64::max);
    let cause = runs.iter().find_map(|run| run.cause.as_deref()).unwrap_or("not named");
    let affected = || runs.iter().filter(|run| run.recovered_s.is_some() || run.hit > 0.05);
    let recovered = match affected().count() {
        0 => "nobody was hit".to_owned(),
        _ => spread(affected().map(|run| run.recovered_s)),
    };
    let off = runs.iter().filter(|run| run.after_off).count();
    let off = if off > 0 { format!(", {off} only after off") } else { String::new() };
    format!(
        "| {}: {} | {} | {cause} | {} | {:.0} % | {recovered}{off} |",
        switch.target,
        switch.fault,
        runs.len(),
        spread(runs.iter().map(|run| run.named_s)),
        hit * 100.0,
    )
}

/// Prints these lines, with the header if `head`.
#[allow(clippy::print_stdout, reason = "the answer to the command")]
pub(super) fn print(results: &[(Switch, Vec<Run>)], head: bool) {
    if head {
        println!(
            "| switch | runs | named as | click → named: median (most) | most viewers hit | click → recovered: median (most) |"
        );
        println!("|---|---|---|---|---|---|");
    }
    for (switch, runs) in results {
        println!("{}", line(switch, runs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing() {
        let switch = Switch { target: "edge-e1".into(), fault: "slow".into() };
        let run = |named_s, recovered_s| Run { named_s, recovered_s, hit: 0.5, ..Run::default() };
        let text = line(
            &switch,
            &[run(Some(3.0), Some(9.0)), run(Some(4.0), Some(12.5)), run(None, None)],
        );
        assert_eq!(
            text,
            "| edge-e1: slow | 3 | not named | 4.0 s (4.0 s, 1 never) | 50 % | 12.5 s (12.5 s, 1 never) |"
        );
    }
}
