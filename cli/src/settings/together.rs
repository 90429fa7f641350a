//! Settings that are each valid but contradict one another.

use std::collections::BTreeMap;

use super::Settings;

impl Settings {
    /// All contradictions, each with the setting to change.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> = self.two_numbers_of_partitions().into_iter().collect();
        found.extend(self.same_pipelines());
        // Without media the services concerned do not run.
        if self.has_media() {
            found.extend(self.two_margins());
            found.extend(self.listed_too_long());
            found.extend(self.impatient_edges());
        }
        found
    }

    /// The collector places a record, and the processor looks for it there.
    fn two_numbers_of_partitions(&self) -> Option<String> {
        let (collector, processor) = (self.collector.partitions, self.processor.partitions);
        (collector != processor).then(|| {
            format!(
                "partitions: collector.partitions is {collector} and processor.partitions is \
                 {processor}; they must be the same, on every machine"
            )
        })
    }

    /// An encoder is named after its pipeline, in lower case: `up`, its switches and folders would
    /// confuse two with the same name.
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

    /// Manifests list a segment this long after its end; after that the origin calls it late.
    fn two_margins(&self) -> Option<String> {
        let (manifests, origin) = (self.steering.margin_ms, self.origin.margin_ms);
        (manifests != origin).then(|| {
            format!(
                "margin_ms: steering.margin_ms is {manifests} and origin.margin_ms is {origin}; \
                 they must be the same"
            )
        })
    }

    /// A player keeps its list for a segment's length before it loads the next one; the oldest
    /// listed segment must stay available that long.
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

    /// An edge that times out before the origin answers a held request returns 502 for a segment
    /// that would arrive.
    fn impatient_edges(&self) -> Vec<String> {
        let held = self.origin.hold_limit_ms;
        let edges = self.edges.iter().map(|(name, edge)| (name, edge.origin_timeout_ms));
        let impatient = edges.filter(|(_, waits)| *waits <= held);
        let mistakes = impatient.map(|(name, waits)| {
            format!(
                "edges.{name}.origin_timeout_ms: {waits} is not above origin.hold_limit_ms, \
                 {held}; wait longer, or hold for less"
            )
        });
        mistakes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_agree_and_contradictions_are_reported_with_a_remedy() {
        assert_eq!(Settings::default().contradictions(), [""; 0]);
        let mut settings = Settings::default();
        settings.collector.partitions = settings.processor.partitions + 1;
        settings.pipelines = ["A", "B", "a", "B"].map(str::to_owned).into();
        settings.steering.window_segments = 60;
        settings.origin.margin_ms = 500;
        settings.edges.entry("e2".into()).and_modify(|edge| edge.origin_timeout_ms = 4_000);
        let mistakes = settings.check().unwrap_err().to_string();
        for words in [
            "\n  partitions: collector.partitions is ",
            "\n  pipelines: \"A\" and \"a\" are one name",
            "\n  pipelines: \"B\" and \"B\" are one name",
            "\n  margin_ms: steering.margin_ms is 1000 and origin.margin_ms is 500; they must be",
            "60 segments of 2 s are listed for longer than origin.window_s, 120, keeps them",
            "keep them for 123 s",
            "\n  edges.e2.origin_timeout_ms: 4000 is not above origin.hold_limit_ms, 4000",
        ] {
            assert!(mistakes.contains(words), "{words:?} is not in {mistakes}");
        }
        assert_eq!(mistakes.lines().count(), 7, "{mistakes}");
    }

    #[test]
    fn a_data_folder_without_a_name_is_refused() {
        let settings = Settings { data_dir: "".into(), ..Settings::default() };
        let mistakes = settings.check().unwrap_err().to_string();
        assert!(mistakes.ends_with(":\n  data_dir: it is empty; name a folder"), "{mistakes}");
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
