//! Settings that are right each for itself and contradict one another.

use std::collections::BTreeMap;

use super::Settings;

impl Settings {
    /// All contradictions, each with the setting to change.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> = self.two_numbers_of_partitions().into_iter().collect();
        found.extend(self.same_pipelines());
        // Without media nobody runs what these are about.
        if self.has_media() {
            found.extend(self.two_margins());
            found.extend(self.listed_too_long());
            found.extend(self.impatient_edges());
        }
        found
    }

    /// A record is placed by the door and looked for by the processor.
    fn two_numbers_of_partitions(&self) -> Option<String> {
        let (door, processor) = (self.collector.partitions, self.processor.partitions);
        (door != processor).then(|| {
            format!(
                "partitions: collector.partitions is {door} and processor.partitions is \
                 {processor}; they must be the same, on every machine"
            )
        })
    }

    /// An encoder is called as its pipeline, in small letters: `up`, its switches and folders would
    /// take two of one name for each other.
    fn same_pipelines(&self) -> Vec<String> {
        let mut known = BTreeMap::new();
        let mut same = |name: &String| {
            let other = known.insert(name.to_lowercase(), name.clone())?;
            Some(format!(
                "pipelines: {other:?} and {name:?} are one name, as capitals do not count; give \
                 each encoder a name of its own"
            ))
        };
        self.pipelines.iter().filter_map(&mut same).collect()
    }

    /// Manifests list a segment so long after its end, and the origin calls it late after that.
    fn two_margins(&self) -> Option<String> {
        let (manifests, origin) = (self.steering.margin_ms, self.origin.margin_ms);
        (manifests != origin).then(|| {
            format!(
                "margin_ms: steering.margin_ms is {manifests} and origin.margin_ms is {origin}; \
                 they must be the same"
            )
        })
    }

    /// A player has its list for a segment's length before it loads the next one; the oldest of it
    /// must be there for so long.
    fn listed_too_long(&self) -> Option<String> {
        let (listed, kept) = (self.steering.window_segments, self.origin.window_s);
        let (each, margin) = (self.encoder.grid.seconds(), f64::from(self.steering.margin_ms));
        let needed = (f64::from(listed) + 1.0) * each + margin / 1_000.0;
        (needed > f64::from(kept)).then(|| {
            format!(
                "steering.window_segments: {listed} segments of {each} s are listed for longer \
                 than origin.window_s, {kept}, keeps them; list fewer, or keep them for {} s",
                needed.ceil()
            )
        })
    }

    /// An edge that waits no longer than the origin holds a request answers 502 to what would come.
    fn impatient_edges(&self) -> Vec<String> {
        let held = self.origin.hold_limit_ms;
        let edges = self.edges.iter().map(|(name, edge)| (name, edge.origin_timeout_ms));
        let impatient = edges.filter(|(_, waits)| *waits <= held);
        let told = impatient.map(|(name, waits)| {
            format!(
                "edges.{name}.origin_timeout_ms: {waits} is not above origin.hold_limit_ms, \
                 {held}; wait longer, or hold for less"
            )
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_agree_and_what_contradicts_is_told_with_what_to_do() {
        assert_eq!(Settings::default().contradictions(), [""; 0]);
        let mut settings = Settings::default();
        settings.collector.partitions = settings.processor.partitions + 1;
        settings.pipelines = ["A", "B", "a", "B"].map(str::to_owned).into();
        settings.steering.window_segments = 60;
        settings.origin.margin_ms = 500;
        settings.edges.entry("e2".into()).and_modify(|edge| edge.origin_timeout_ms = 4_000);
        let told = settings.check().unwrap_err().to_string();
        for words in [
            "\n  partitions: collector.partitions is ",
            "\n  pipelines: \"A\" and \"a\" are one name",
            "\n  pipelines: \"B\" and \"B\" are one name",
            "\n  margin_ms: steering.margin_ms is 1000 and origin.margin_ms is 500; they must be",
            "60 segments of 2 s are listed for longer than origin.window_s, 120, keeps them",
            "keep them for 123 s",
            "\n  edges.e2.origin_timeout_ms: 4000 is not above origin.hold_limit_ms, 4000",
        ] {
            assert!(told.contains(words), "{words:?} is not in {told}");
        }
        assert_eq!(told.lines().count(), 7, "{told}");
    }

    #[test]
    fn what_is_kept_just_long_enough_may_be_listed() {
        let mut settings = Settings::default();
        settings.steering.window_segments = 58;
        settings.origin.window_s = 119;
        assert_eq!(settings.contradictions(), [""; 0]);
        settings.origin.window_s = 118;
        assert_eq!(settings.contradictions().len(), 1);
        settings.drop_demo();
        assert_eq!(settings.contradictions(), [""; 0]);
    }
}
