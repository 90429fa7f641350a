//! Places of a home's scale, and the viewers that are at them.

/// How many places there are.
pub fn length(places: &[(u32, u32)]) -> u32 {
    places.iter().map(|(from, to)| to - from).sum()
}

/// The viewers of a home, by their places where enough of them are known.
#[derive(Debug)]
pub struct Home {
    known: Vec<u32>,
    /// Viewers in all.
    here: i64,
    /// Places that these are spread over.
    all: u32,
}

impl Home {
    /// So many viewers at these places, some of which may be known.
    pub fn new(places: &[(u32, u32)], known: &[u32], here: i64) -> Self {
        let known: Vec<u32> = inside(places, known).collect();
        let enough = known.len() as i64 * 2 >= here;
        let known = if enough { known } else { Vec::new() };
        Self { known, here, all: length(places) }
    }

    /// Viewers that each known one stands for: not all of them may be known.
    fn each(&self) -> f64 {
        (self.here as f64 / self.known.len().max(1) as f64).max(1.0)
    }

    /// How long a slice of these places may be so that at most `viewers` are in it.
    pub fn cut(&self, places: &[(u32, u32)], viewers: i64) -> u32 {
        if viewers <= 0 {
            return 0;
        }
        if self.known.is_empty() {
            let share = (viewers as f64 / self.here.max(1) as f64).min(1.0);
            return (f64::from(self.all) * share).floor() as u32;
        }
        let number = (viewers as f64 / self.each()).floor() as usize;
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
            inside(places, &self.known).count() as f64 * self.each()
        };
        (viewers.round() as i64).min(self.here)
    }
}

/// Those of `known` that are within these places.
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
