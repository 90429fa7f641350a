//! An hour that is checked a piece at a time is found to be what it is found to be at once.

use super::*;

/// Hour, table, rows and late ones of each report.
fn found_of(found: &Findings) -> Vec<(&str, &str, u64, u64)> {
    let late = |of: &Report| if is_of_sessions(of) { 0 } else { of.late };
    let reports = found.reports.iter();
    reports.map(|of| (of.hour.as_str(), of.table.as_str(), of.rows, late(of))).collect()
}

/// A session that ends in another piece, had nothing come late, is late in both, as with hours.
fn is_of_sessions(report: &Report) -> bool {
    report.table == Table::Sessions.name()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_in_pieces_is_the_same_hour() {
    let dir = tempfile::tempdir().unwrap();
    let (life, known) = live_alone(dir.path(), &facts(seed(), 40, up_to_48_hours), None).await;
    let in_pieces = async |rows, until| {
        let all = (i64::MIN..i64::MAX, until);
        Audit::all_by(&life.history, 4, &Limits::default(), all, rows).await.unwrap().unwrap()
    };
    // Of an hour that is not over, too.
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
