//! An hour that is checked in pieces gives the same findings as one checked at once.

use super::*;

/// The hour, table, rows and late rows of each report.
fn found_of(found: &Findings) -> Vec<(&str, &str, u64, u64)> {
    let late = |of: &Report| if is_of_sessions(of) { 0 } else { of.late };
    let reports = found.reports.iter();
    reports.map(|of| (of.hour.as_str(), of.table.as_str(), of.rows, late(of))).collect()
}

/// A session that would end in another piece without lateness is late in both, as with hours.
fn is_of_sessions(report: &Report) -> bool {
    report.table == Table::Sessions.name()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_in_pieces_has_the_same_findings() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &facts(seed(), 40, up_to_48_hours), None).await;
    let in_pieces = async |rows, until| {
        let all = (i64::MIN..i64::MAX, until);
        Audit::all_by(&life.history, 4, &Limits::default(), all, rows).await.unwrap().unwrap()
    };
    // The first end is within an hour.
    for until in [(T0 + HOUR_MS / 2 + 77_777) * 1_000, known] {
        let whole = audit(&life.history, until).await;
        assert!(whole.rows > 100 && whole.drift == 0, "{whole:#?}");
        let found = in_pieces(500, until).await;
        let both = [found_of(&found), found_of(&whole)];
        let differs = both[0].iter().zip(&both[1]).find(|(is, should)| is != should);
        assert_eq!(differs, None);
        assert_eq!((both[0].len(), found.drift), (both[1].len(), 0));
    }
    assert!(audit(&life.history, known).await.late > 0);
    repair(&life.history, &Limits::default(), known).await.unwrap();
    let found = in_pieces(500, known).await;
    assert_eq!((found.drift, found.late), (0, 0), "{found:#?}");
    life.stop().await;
}
