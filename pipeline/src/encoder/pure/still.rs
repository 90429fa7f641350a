//! Notices a frozen picture, by the frame number that each picture carries.

/// Follows the frame strip from picture to picture.
#[derive(Debug, Default)]
pub(crate) struct StillWatch {
    last: Option<u32>,
    run: u32,
    longest: u32,
}

impl StillWatch {
    /// Takes the next picture's number. A picture without one is unknown, not still.
    pub(crate) fn look(&mut self, number: Option<u32>) {
        let still = number.is_some() && number == self.last;
        self.last = number;
        self.run = if still { self.run + 1 } else { 0 };
        self.longest = self.longest.max(self.run);
    }

    /// The longest run of pictures without a new number since the last call, including a run that
    /// began before it.
    pub(crate) fn take(&mut self) -> u32 {
        std::mem::replace(&mut self.longest, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_longest_run_across_segments() {
        let mut watch = StillWatch::default();
        [1, 2, 3, 3, 3, 4].into_iter().for_each(|n| watch.look(Some(n)));
        assert_eq!(watch.take(), 2);
        [5, 6, 6].into_iter().for_each(|n| watch.look(Some(n)));
        assert_eq!(watch.take(), 1);
        [6, 6].into_iter().for_each(|n| watch.look(Some(n)));
        assert_eq!(watch.take(), 3, "the run began before");
        watch.look(Some(7));
        assert_eq!(watch.take(), 3);
        [None, None, Some(8)].into_iter().for_each(|n| watch.look(n));
        assert_eq!(watch.take(), 0, "unknown is not still");
    }
}
