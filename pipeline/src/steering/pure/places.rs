//! Places on a home's scale, and the viewers at them.

/// How many places there are.
pub fn length(places: &[(u32, u32)]) -> u32 {
    places.iter().map(|(from, to)| to - from).sum()
}

/// The viewers of a home, by place if enough of them are known.
#[derive(Debug)]
pub struct Home {
    known: Vec<u32>,
    /// Viewers in all.
    here: i64,
    /// Places over which these are spread.
    all: u32,
    /// Viewers that each known one stands for.
    each: f64,
}

impl Home {
    /// This many viewers at these places, some of which may be known. Each of those stands for
    /// `stands_for` in all: if fewer are here, the others may come back.
    pub fn new(places: &[(u32, u32)], known: &[u32], here: i64, stands_for: f64) -> Self {
        let known: Vec<u32> = inside(places, known).collect();
        let enough = known.len() as i64 * 2 >= here;
        let known = if enough { known } else { Vec::new() };
        let each = (here as f64 / known.len().max(1) as f64).max(stands_for.min(1.0));
        Self { known, here, all: length(places), each }
    }

    /// The longest slice of these places that holds at most `viewers`.
    pub fn cut(&self, places: &[(u32, u32)], viewers: i64) -> u32 {
        if viewers <= 0 {
            return 0;
        }
        if self.known.is_empty() {
            let share = (viewers as f64 / self.here.max(1) as f64).min(1.0);
            return (f64::from(self.all) * share).floor() as u32;
        }
        let number = (viewers as f64 / self.each).floor() as usize;
        match inside(places, &self.known).nth(number) {
            Some(out) => places.iter().map(|(from, to)| out.clamp(*from, *to) - from).sum(),
            None => length(places),
        }
    }

    /// Viewers at these places.
    pub fn count(&self, places: &[(u32, u32)]) -> i64 {
        let viewers = if self.known.is_empty() {
            self.here as f64 * f64::from(length(places)) / f64::from(self.all.max(1))
        } else {
            inside(places, &self.known).count() as f64 * self.each
        };
        (viewers.round() as i64).min(self.here)
    }
}

/// The known viewers within these places.
pub fn inside<'a>(places: &'a [(u32, u32)], known: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    let within = |place: &u32| places.iter().any(|(from, to)| (from..to).contains(&place));
    known.iter().copied().filter(within)
}

/// Takes the first `number` places away.
pub fn take(places: &mut Vec<(u32, u32)>, number: u32) -> Vec<(u32, u32)> {
    let (mut left, mut taken, mut rest) = (number, Vec::new(), Vec::new());
    for (from, to) in places.drain(..) {
        let here = (to - from).min(left);
        left -= here;
        if here > 0 {
            taken.push((from, from + here));
        }
        if from + here < to {
            rest.push((from + here, to));
        }
    }
    *places = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_viewers_that_left_take_no_room() {
        let (places, known) = ([(0, 200)], (0..200).collect::<Vec<u32>>());
        let cut = |here, stands_for| Home::new(&places, &known, here, stands_for).cut(&places, 60);
        assert_eq!(cut(100, 0.5), 120, "half of them have left");
        assert_eq!(cut(100, 1.0), 60, "half of them are elsewhere, and may come back");
        assert_eq!(cut(400, 1.0), 30, "half of them are not known");
    }
}
