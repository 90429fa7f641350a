//! Divides many sids into batches whose facts fit into memory: a sid may have any number of facts.

use std::collections::HashMap;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use tallylight_store::history::{History, HistoryError};

use super::facts::{self, Facts, TABLES, between, quote};
use super::{AT_ONCE, time};

/// Sids whose facts are counted together.
const TOGETHER: usize = 200;
/// The most facts of one sid that are read from each table.
const MOST: i64 = 500_000;

/// A sid of a tenant.
type Sid = (String, String);

/// Some sids whose facts are read together.
#[derive(Debug)]
pub(super) struct SidBatch<'a> {
    pub(super) sids: Vec<&'a Sid>,
    /// Only facts that were read before this, log time in Unix µs: with later ones they are too
    /// many.
    pub(super) until: i64,
    condition: String,
}

impl SidBatch<'_> {
    /// Their facts, and perhaps those of sids of other tenants with the same name.
    pub(super) async fn read(&self, history: &History) -> Result<Facts, HistoryError> {
        facts::read(history, &self.condition).await
    }
}

/// All of these sids in batches, whose facts are read from `from` (log time, Unix µs) on.
pub(super) async fn sid_batches<'a>(
    history: &History,
    sids: &[&'a Sid],
    from: i64,
) -> Result<Vec<SidBatch<'a>>, HistoryError> {
    let mut all = Vec::new();
    for some in sids.chunks(TOGETHER) {
        let counts = counts(history, &among(some, from..i64::MAX)).await?;
        // Sids of the same name of other tenants are read, too.
        let mut by_name: HashMap<&str, i64> = HashMap::new();
        for ((_, sid), count) in &counts {
            *by_name.entry(sid).or_default() += count.iter().sum::<i64>();
        }
        let weight = |sid: &Sid| by_name.get(sid.1.as_str()).copied().unwrap_or(0);
        let (few, many): (Vec<&Sid>, Vec<&Sid>) = some.iter().partition(|sid| weight(sid) <= MOST);
        for sids in grouped(few, AT_ONCE, weight) {
            let (until, condition) = (i64::MAX, among(&sids, from..i64::MAX));
            all.push(SidBatch { sids, until, condition });
        }
        for sid in many {
            all.push(alone(history, sid, from, counts.get(sid)).await?);
        }
    }
    Ok(all)
}

/// The batch of a single sid that may have too many facts: `counts` are those in each table.
async fn alone<'a>(
    history: &History,
    sid: &'a Sid,
    from: i64,
    counts: Option<&[i64; 2]>,
) -> Result<SidBatch<'a>, HistoryError> {
    let of = |to: i64| format!("{} AND tenant = {}", among(&[sid], from..to), quote(&sid.0));
    let mut until = i64::MAX;
    for (table, count) in TABLES.into_iter().zip(counts.copied().unwrap_or_default()) {
        if count > MOST {
            let first = format!(
                "SELECT logged_at FROM rows WHERE {} ORDER BY logged_at LIMIT {MOST}",
                of(i64::MAX)
            );
            let last = format!("SELECT max(logged_at) FROM ({first})");
            until = until.min(time(history, table, &last).await?.unwrap_or(i64::MAX));
        }
    }
    Ok(SidBatch { sids: vec![sid], until, condition: of(until) })
}

/// Facts of these sids that were read in a range of log time.
fn among(sids: &[&Sid], read: std::ops::Range<i64>) -> String {
    let names: Vec<String> = sids.iter().map(|(_, sid)| quote(sid)).collect();
    format!("{} AND sid IN ({})", between(&read), names.join(", "))
}

/// The number of facts of each sid in each table.
async fn counts(
    history: &History,
    condition: &str,
) -> Result<HashMap<Sid, [i64; 2]>, HistoryError> {
    let sql = format!("SELECT tenant, sid, count(*) FROM rows WHERE {condition} GROUP BY 1, 2");
    let mut all: HashMap<Sid, [i64; 2]> = HashMap::new();
    for (at, table) in TABLES.into_iter().enumerate() {
        for batch in history.select(table, &sql).await? {
            let counts = batch.column(2).as_primitive::<Int64Type>();
            for (sid, count) in facts::sids(&batch).zip(counts.iter().flatten()) {
                if let Some(sum) = all.entry(sid).or_default().get_mut(at) {
                    *sum += count;
                }
            }
        }
    }
    Ok(all)
}

/// Groups that weigh no more than `most` each; anything heavier is alone.
fn grouped<T: Copy>(all: Vec<T>, most: i64, weight: impl Fn(T) -> i64) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut sum = 0;
    for one in all {
        let more = weight(one);
        match groups.last_mut() {
            Some(group) if sum + more <= most => {
                group.push(one);
                sum += more;
            }
            _ => {
                groups.push(vec![one]);
                sum = more;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn what_is_much_is_alone_and_little_comes_together() {
        let groups = grouped(vec![3, 4, 3, 1, 40, 2, 8, 9, 1], 10, |n: i64| n);
        assert_eq!(groups, [vec![3, 4, 3], vec![1], vec![40], vec![2, 8], vec![9, 1]]);
        assert!(grouped(Vec::<i64>::new(), 10, |n| n).is_empty());
    }
}
