//! Hostile statements that nest one level deeper with each word, or double with each level.

use crate::hostile::End::{self, Harmless, Limited, Refused, Wrong};

/// Statements that nest one level deeper with each word, or stand for very many groupings.
pub(crate) fn deep() -> Vec<(End, String)> {
    let types =
        format!("SELECT arrow_cast(1, '{}Int8{}')", "List(".repeat(10_000), ")".repeat(10_000));
    let lists = format!("SELECT NULL::BIGINT{}", "[]".repeat(7_000));
    let more_lists = format!("SELECT NULL::BIGINT{}", "[]".repeat(30_000));
    let arrays = format!("SELECT CAST(NULL AS {}INT{})", "ARRAY<".repeat(4_000), ">".repeat(4_000));
    let structs =
        format!("SELECT CAST(NULL AS {}INT{})", "STRUCT<a ".repeat(3_000), ">".repeat(3_000));
    let maps =
        format!("SELECT CAST(NULL AS {}INT{})", "Nullable(".repeat(3_000), ")".repeat(3_000));
    let casts = format!("SELECT 1{}", "::INT[2]".repeat(3_000));
    let similar = format!("SELECT 1{} SIMILAR TO 'x'", "+1".repeat(7_000));
    let signs = format!("SELECT 1{}", "+1".repeat(32_000));
    let change = format!("INSERT INTO playback SELECT 1{}", "+1".repeat(7_000));
    let unions = format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(3_300));
    let explains = format!("{}SELECT 1", "EXPLAIN ".repeat(8_000));
    let intervals = format!("SELECT {}'1 day'", "INTERVAL ".repeat(7_000));
    let columns_of = |count: usize| vec!["viewers"; count].join(", ");
    let cube = format!("SELECT count(*) FROM playback GROUP BY CUBE({})", columns_of(40));
    let cubes = format!(
        "SELECT count(*) FROM playback GROUP BY CUBE({0}), CUBE({0})",
        ["viewers", "edge", "content", "pane", "final"].join(", ")
    );
    let few = "SELECT count(*) FROM playback GROUP BY CUBE(edge, content), ROLLUP(final, width_s)";
    let with = format!("{}SELECT 1{}", "WITH a AS (".repeat(12), ") SELECT 1".repeat(12));
    let except = format!("SELECT 1{}", " EXCEPT SELECT 1".repeat(150));
    vec![
        (Limited, types),
        (Limited, lists),
        (Limited, more_lists),
        (Limited, arrays),
        (Limited, structs),
        (Limited, maps),
        (Limited, casts),
        (Limited, similar),
        (Limited, signs),
        (Refused, change),
        (Limited, unions),
        (Limited, explains),
        (Wrong, intervals),
        (Limited, cube),
        (Limited, cubes),
        (Harmless, few.to_owned()),
        (Limited, with),
        (Limited, except),
    ]
}

/// Statements on which the parser backtracks, or whose work the planner doubles, at each level.
pub(crate) fn doubling() -> Vec<(End, String)> {
    // The parser backtracks where the expected syntax does not follow.
    let again =
        ["CAST(", "CEIL(", "POSITION(", "SUBSTRING(", "CURRENT_DATE(", "NOT (", "CASE WHEN "];
    let again = again.map(|word| (Limited, format!("SELECT {}1 1", word.repeat(45))));
    let columns_end = format!("SELECT {}1 1", "CASE WHEN end THEN ".repeat(45));
    let cases =
        (0..200).map(|at| format!("CASE WHEN final THEN width_s ELSE 1 END + {at} AS c{at}"));
    let many_cases = cases.collect::<Vec<_>>().join(", ");
    // Planning doubles these at each level.
    let nest = |times: usize, before: &str, after: &str| {
        format!("SELECT {}viewers{} FROM playback", before.repeat(times), after.repeat(times))
    };
    let doubled = [
        (45, "coalesce(", ", 1)"),
        (45, "ifnull(", ", 1)"),
        (20, "abs(nvl2(", ", 1, 2))"),
        (45, "pow(", ", 1)"),
        (45, "row(", ")"),
        (16, "(", " + 1)::int"),
        (16, "(1 + ", ")::text::bigint"),
        (24, "\"pow\"(", "::int, 1)"),
        (9, "TRY_CAST(", " AS BIGINT)"),
        (12, "(SELECT max(viewers) FROM playback WHERE viewers > ", ")"),
    ];
    let doubled = doubled.map(|(times, before, after)| (Limited, nest(times, before, after)));
    let fits = [(8, "coalesce(", ", 1)"), (8, "(", " + 1)::int"), (40, "power(", ", 1)")];
    let fits = fits.map(|(times, before, after)| (Harmless, nest(times, before, after)));
    let mut all: Vec<(End, String)> = again.into_iter().chain(doubled).chain(fits).collect();
    all.push((Limited, columns_end));
    all.push((Harmless, format!("SELECT {many_cases} FROM playback LIMIT 1")));
    all
}
