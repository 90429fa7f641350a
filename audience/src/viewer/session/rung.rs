//! Which rung a player chooses, and how a player that is stuck on its rung comes to stall.

use super::super::download::RungMedia;
use super::Session;
use crate::plan::STUCK_DEVICE;

/// A stuck player's line carries this part of its rung's bitrate.
const STUCK_CARRIES: f64 = 0.5;
/// A rung may need this part of the line's throughput.
const AFFORDABLE: f64 = 0.7;

impl Session<'_> {
    fn is_stuck(&self) -> bool {
        self.script.plan().device == STUCK_DEVICE && *self.viewer.stuck.borrow()
    }

    /// The bandwidth of a stuck player's line, kbps: less than its rung needs.
    pub(super) fn slow_line(&self) -> Option<u32> {
        let stuck = self.is_stuck() && self.report.started() && self.needed_kbps > 0.0;
        stuck.then_some((self.needed_kbps * STUCK_CARRIES) as u32)
    }

    /// Chooses the best rung that fits the device and seven tenths of the line's throughput. A
    /// stuck player begins on the best rung and stays on it.
    pub(super) fn choose_rung(&mut self) {
        let Some(route) = &self.route else { return };
        let height = self.script.plan().max_height;
        let affordable = match self.report.kbps() {
            Some(kept) if self.is_stuck() => kept as f64,
            None if self.is_stuck() => f64::MAX,
            _ => self.throughput.kbps() * AFFORDABLE,
        };
        let rungs = &route.stream.rungs;
        let fits = |rung: &RungMedia| rung.height <= height && (rung.kbps as f64) <= affordable;
        self.rung = rungs.iter().rposition(fits).unwrap_or(0);
        if let (Some(rung), Some(lowest)) = (rungs.get(self.rung), rungs.first()) {
            self.report.bitrate(rung.kbps, lowest.kbps, self.viewer.clock.now_us());
        }
    }
}
