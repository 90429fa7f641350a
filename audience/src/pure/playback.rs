//! A playback buffer. It starts when it holds enough, stalls at the exact instant when the
//! playhead reaches the end of the buffer, and resumes when a segment has arrived.

/// What the viewer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Starting,
    /// Moving pictures.
    Playing,
    /// A frozen picture.
    Rebuffering,
}

/// A change of state, and its time (Unix µs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The new state.
    pub to: State,
    /// When.
    pub at_us: i64,
}

/// The buffer and its playhead. Media time is Unix µs of the programme.
#[derive(Debug, Clone)]
pub struct Playback {
    state: State,
    /// Playhead at `since_us`.
    position_us: i64,
    since_us: i64,
    buffered_us: i64,
    start_with_us: i64,
}

impl Playback {
    /// A player that begins at media time `position_us` and starts once it holds
    /// `start_with_us` of media.
    pub fn new(position_us: i64, start_with_us: i64) -> Self {
        Self {
            state: State::Starting,
            position_us,
            since_us: 0,
            buffered_us: position_us,
            start_with_us,
        }
    }

    /// What the viewer sees.
    pub fn state(&self) -> State {
        self.state
    }

    /// Media time shown at `now_us`.
    pub fn position_us(&self, now_us: i64) -> i64 {
        match self.state {
            State::Playing => {
                (self.position_us + (now_us - self.since_us).max(0)).min(self.buffered_us)
            }
            State::Starting | State::Rebuffering => self.position_us,
        }
    }

    /// Drops the buffer and continues at media time `position_us`: a player that has fallen far
    /// behind jumps to the live edge. Only a rebuffering player jumps.
    pub fn jump(&mut self, position_us: i64) {
        if self.state == State::Rebuffering {
            self.position_us = position_us;
            self.buffered_us = position_us;
        }
    }

    /// Media held beyond the playhead, µs.
    pub fn buffer_us(&self, now_us: i64) -> i64 {
        self.buffered_us - self.position_us(now_us)
    }

    /// When the playhead will reach the end of the buffer if no segment arrives.
    pub fn empty_at_us(&self) -> Option<i64> {
        (self.state == State::Playing).then(|| self.since_us + self.buffered_us - self.position_us)
    }

    /// Lets time pass. A stall is dated to when the buffer ran out, not to when it was noticed.
    pub fn advance(&mut self, now_us: i64) -> Option<Change> {
        let empty_at = self.empty_at_us().filter(|at| *at <= now_us)?;
        self.position_us = self.buffered_us;
        self.since_us = empty_at;
        self.state = State::Rebuffering;
        Some(Change { to: State::Rebuffering, at_us: empty_at })
    }

    /// Adds a complete segment that ends at media time `end_us`. Call `advance` first.
    pub fn append(&mut self, end_us: i64, now_us: i64) -> Option<Change> {
        self.buffered_us = self.buffered_us.max(end_us);
        let enough = match self.state {
            State::Playing => false,
            State::Starting => self.buffered_us - self.position_us >= self.start_with_us,
            State::Rebuffering => self.buffered_us > self.position_us,
        };
        if !enough {
            return None;
        }
        self.state = State::Playing;
        self.since_us = now_us;
        Some(Change { to: State::Playing, at_us: now_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn starts_stalls_at_the_instant_the_buffer_ends_and_resumes() {
        let mut p = Playback::new(100 * S, 2 * S);
        assert_eq!(p.append(101 * S, 200 * S), None);
        assert_eq!(p.append(104 * S, 201 * S), Some(Change { to: State::Playing, at_us: 201 * S }));
        assert_eq!(p.advance(204 * S), None);
        assert_eq!(p.buffer_us(204 * S), S);
        // Noticed late, but dated correctly.
        assert_eq!(p.advance(207 * S), Some(Change { to: State::Rebuffering, at_us: 205 * S }));
        assert_eq!(p.position_us(208 * S), 104 * S);
        assert_eq!(p.append(106 * S, 209 * S), Some(Change { to: State::Playing, at_us: 209 * S }));
        assert_eq!(p.position_us(210 * S), 105 * S);
        p.jump(150 * S);
        assert_eq!(p.position_us(210 * S), 105 * S, "a moving picture does not jump");
        p.advance(212 * S);
        p.jump(150 * S);
        assert_eq!((p.position_us(213 * S), p.buffer_us(213 * S)), (150 * S, 0));
        assert!(p.append(152 * S, 213 * S).is_some());
    }
}
