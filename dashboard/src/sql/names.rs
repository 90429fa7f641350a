//! Existing names similar to one that does not exist.

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// At most three of `names` that `wanted` may be a misspelling of, the nearest first.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let allowed = 1 + wanted.chars().count() / 3;
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (distance(&wanted, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The number of characters to change; 1 where `wanted`, of at least four bytes, is a part of it.
fn distance(wanted: &str, name: &str) -> usize {
    let name = name.to_lowercase();
    if wanted.len() >= 4 && name.contains(wanted) {
        return 1;
    }
    levenshtein(wanted, &name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let names = ["playing_ms", "rebuffering_ms", "startup_ms", "tenant"];
        assert_eq!(nearest("rebufering_ms", names), ["rebuffering_ms"]);
        assert_eq!(nearest("tenan", names), ["tenant"]);
        assert_eq!(nearest("rebuffering", names), ["rebuffering_ms"]);
        assert!(nearest("zzz", names).is_empty());
    }
}
