//! Draws frame `n` of the programme: UTC date and time of that frame, its number, a moving block
//! (so that a freeze is visible), and the machine-readable strip, over calm colour bars.
//!
//! The canvas keeps the static parts; a frame redraws only the rest. The result depends on `n`
//! alone, not on the frames drawn before.

use super::{font, strip};

/// Luma, blue and red difference (limited range).
type Colour = [u8; 3];

const DARK: Colour = [26, 130, 126];
const WHITE: Colour = [225, 128, 128];
const GREY: Colour = [150, 128, 128];
const RED: Colour = [90, 105, 220];
const AMBER: Colour = [190, 40, 150];
const BARS: [Colour; 8] = [
    [112, 128, 128],
    [104, 104, 134],
    [96, 138, 112],
    [88, 116, 118],
    [80, 140, 138],
    [72, 120, 144],
    [64, 150, 122],
    [56, 132, 130],
];

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy)]
struct Area {
    x: usize,
    y: usize,
    w: usize,
    h: usize,
}

/// One I420 picture that is redrawn for each frame.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    fps: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    /// The programme's canvas. The size must be a multiple of 8 by 2.
    pub(crate) fn programme(width: usize, height: usize, fps: u32) -> Self {
        let mut canvas = Self::blank(width, height, fps);
        for (at, colour) in BARS.iter().enumerate() {
            let (x, end) = (at * width / BARS.len(), (at + 1) * width / BARS.len());
            canvas.fill(Area { x, y: 0, w: end - x, h: height }, *colour);
        }
        canvas.grain();
        let strip = strip::top(height);
        canvas.fill(Area { x: 0, y: strip, w: width, h: height - strip }, WHITE);
        let unit = canvas.unit();
        canvas.text("TALLYLIGHT", 4 * unit, 4 * unit, unit * 3 / 6, WHITE);
        canvas.fill(Area { x: width - 12 * unit, y: 3 * unit, w: 8 * unit, h: 6 * unit }, RED);
        canvas.fill(canvas.panel(), DARK);
        canvas
    }

    /// The slate: dark, static, without a strip, since it is not a frame of the programme.
    pub(crate) fn slate(width: usize, height: usize, fps: u32) -> Self {
        let mut canvas = Self::blank(width, height, fps);
        canvas.fill(Area { x: 0, y: 0, w: width, h: height }, DARK);
        let unit = canvas.unit();
        canvas.centred("SLATE", height / 2 - 10 * unit, unit / 2, AMBER);
        canvas.centred("BACK SHORTLY", height / 2, unit, WHITE);
        canvas
    }

    fn blank(width: usize, height: usize, fps: u32) -> Self {
        Self { width, height, fps, pixels: vec![128; width * height * 3 / 2] }
    }

    /// The picture: luma, then both colour differences at half size each way.
    pub(crate) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Draws frame `n`, counted from the Unix epoch.
    pub(crate) fn draw(&mut self, n: u64) {
        let fps = u64::from(self.fps.max(1));
        let millis = i64::try_from(u128::from(n) * 1_000 / u128::from(fps)).unwrap_or(i64::MAX);
        let at = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
        let (unit, panel) = (self.unit(), self.panel());
        self.fill(panel, DARK);
        self.centred(&at.format("%Y-%m-%d").to_string(), panel.y + 2 * unit, unit * 2 / 3, GREY);
        self.centred(&at.format("%H:%M:%S%.3f").to_string(), panel.y + 9 * unit, unit, WHITE);
        self.centred(&format!("UTC  FRAME {n}"), panel.y + 19 * unit, unit / 2, GREY);
        self.draw_block(n);
        let (width, height) = (self.width, self.height);
        let number = u32::try_from(n & u64::from(u32::MAX)).unwrap_or(0);
        strip::write(self.plane(0), width, height, number);
    }

    /// A static grain, so that larger renditions cost more bits, as they do for real pictures.
    fn grain(&mut self) {
        let mut state = 1_u32;
        for dot in self.plane(0) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *dot = dot.saturating_add(state.to_be_bytes()[0] & 7);
        }
    }

    /// One font dot of the large text, in pixels: 6 at a width of 640.
    fn unit(&self) -> usize {
        (self.width / 106).max(2)
    }

    fn panel(&self) -> Area {
        let (w, h) = (self.width * 3 / 4 / 16 * 16, 25 * self.unit());
        Area { x: (self.width - w) / 2, y: self.height * 2 / 9, w, h }
    }

    /// A block that moves back and forth once in 4 seconds, with a dark lane behind it.
    fn draw_block(&mut self, n: u64) {
        let unit = self.unit();
        let lane = Area { x: 0, y: self.height * 7 / 9, w: self.width, h: 6 * unit };
        self.fill(lane, DARK);
        let period = u64::from(self.fps.max(1)) * 4;
        let (at, half) = (n % period, period / 2);
        let step = if at < half { at } else { period - at };
        let span = (self.width - 8 * unit) as u64;
        let x = usize::try_from(step * span / half.max(1)).unwrap_or(0) / 2 * 2;
        self.fill(Area { x, y: lane.y, w: 8 * unit, h: lane.h }, AMBER);
    }

    fn plane(&mut self, at: usize) -> &mut [u8] {
        let (luma, half) = (self.width * self.height, self.width * self.height / 4);
        let (from, length) =
            [(0, luma), (luma, half), (luma + half, half)].get(at).copied().unwrap_or((0, 0));
        self.pixels.get_mut(from..from + length).unwrap_or(&mut [])
    }

    fn fill(&mut self, area: Area, colour: Colour) {
        for (at, value) in colour.into_iter().enumerate() {
            let by = if at == 0 { 1 } else { 2 };
            let stride = self.width / by;
            let (x, end) = (area.x / by, (area.x + area.w) / by);
            let (y, below) = (area.y / by, (area.y + area.h) / by);
            for row in self.plane(at).chunks_exact_mut(stride).take(below).skip(y) {
                if let Some(pixels) = row.get_mut(x..end) {
                    pixels.fill(value);
                }
            }
        }
    }

    fn centred(&mut self, text: &str, y: usize, scale: usize, colour: Colour) {
        let width = text.chars().count() * (font::WIDTH + 1) * scale;
        self.text(text, self.width.saturating_sub(width) / 2, y, scale, colour);
    }

    /// Text is luma only: small coloured letters would blur.
    fn text(&mut self, text: &str, x: usize, y: usize, scale: usize, colour: Colour) {
        let stride = self.width;
        let luma = self.plane(0);
        for (at, c) in text.chars().enumerate() {
            let left = x + at * (font::WIDTH + 1) * scale;
            for (row, bits) in font::glyph(c).into_iter().enumerate() {
                for column in
                    (0..font::WIDTH).filter(|column| bits >> (font::WIDTH - 1 - column) & 1 == 1)
                {
                    for line in 0..scale {
                        let from = (y + row * scale + line) * stride + left + column * scale;
                        if let Some(pixels) = luma.get_mut(from..from + scale) {
                            pixels.fill(colour[0]);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_depends_on_its_number_alone() {
        let n = 44_875_000_123;
        let mut fresh = Canvas::programme(640, 360, 25);
        fresh.draw(n);
        let mut used = Canvas::programme(640, 360, 25);
        for other in [0, n - 40, n + 77_777_777, n + 1] {
            used.draw(other);
            assert_ne!(used.pixels(), fresh.pixels());
        }
        used.draw(n);
        assert_eq!(used.pixels(), fresh.pixels());
    }

    #[test]
    fn neighbours_differ_and_carry_their_number() {
        for (width, height) in [(640, 360), (320, 180), (1_280, 720)] {
            let mut canvas = Canvas::programme(width, height, 25);
            let mut last = Vec::new();
            for n in 44_875_000_123..44_875_000_130 {
                canvas.draw(n);
                assert_ne!(canvas.pixels(), last);
                assert_eq!(
                    strip::read_strip(canvas.pixels(), width, height),
                    Some((n & 0xffff_ffff) as u32)
                );
                last = canvas.pixels().to_vec();
            }
        }
    }

    #[test]
    fn slate_is_not_a_frame() {
        assert_eq!(strip::read_strip(Canvas::slate(640, 360, 25).pixels(), 640, 360), None);
    }
}
