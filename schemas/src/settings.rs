//! Reports settings that are out of range.

use std::ops::RangeInclusive;

/// A message for each number that is out of its range.
pub fn outside(numbers: &[(&str, u64, RangeInclusive<u64>)]) -> impl Iterator<Item = String> {
    let outside = numbers.iter().filter(|(_, value, range)| !range.contains(value));
    outside.map(|(name, value, range)| {
        format!("{name} is {value}; it must be {} to {}", range.start(), range.end())
    })
}

#[cfg(test)]
mod tests {
    use super::outside;

    #[test]
    fn a_number_out_of_range_is_reported_with_the_range() {
        let mistakes: Vec<String> =
            outside(&[("a", 0, 1..=9), ("b", 9, 1..=9), ("c", 10, 1..=9)]).collect();
        assert_eq!(mistakes, ["a is 0; it must be 1 to 9", "c is 10; it must be 1 to 9"]);
    }
}
