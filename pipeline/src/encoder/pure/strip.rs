//! The frame-number strip: the lowest 32 bits of the frame index as black and white blocks
//! along the bottom of the picture. It survives scaling and coding, so a test or a monitor
//! can read from any decoded picture which frame it is, and see that the picture moves.
//!
//! 40 blocks across, in the lowest fifteenth of the picture: white, black, 32 bits (highest
//! first), 4 parity bits, black, white. The outer blocks give the levels of black and white.

/// Blocks across.
const BLOCKS: usize = 40;
/// The strip takes the lowest `1 / SHARE` of the picture.
const SHARE: usize = 15;

/// Parity over the data: all eight groups of four bits, exclusive-or.
fn parity(bits: u32) -> u32 {
    (0..8).fold(0xa, |sum, at| sum ^ (bits >> (at * 4))) & 0xf
}

/// The blocks of `number`, left to right; true is white.
#[cfg(any(test, feature = "media"))]
fn blocks(number: u32) -> [bool; BLOCKS] {
    let code = (u64::from(number) << 4) | u64::from(parity(number));
    let mut out = [false; BLOCKS];
    for (at, block) in out.iter_mut().enumerate() {
        *block = match at {
            0 | 39 => true,
            1 | 38 => false,
            at => code >> (37 - at) & 1 == 1,
        };
    }
    out
}

/// First row of the strip in a picture `height` rows high.
pub(super) fn top(height: usize) -> usize {
    height - height / SHARE
}

/// Writes the strip into a luma plane of `width` by `height`.
#[cfg(any(test, feature = "media"))]
pub(super) fn write(luma: &mut [u8], width: usize, height: usize, number: u32) {
    let mut row = vec![0; width];
    for (at, white) in blocks(number).iter().enumerate() {
        let (from, to) = (at * width / BLOCKS, (at + 1) * width / BLOCKS);
        if let Some(block) = row.get_mut(from..to) {
            block.fill(if *white { 235 } else { 16 });
        }
    }
    for line in luma.chunks_exact_mut(width).take(height).skip(top(height)) {
        line.copy_from_slice(&row);
    }
}

/// Reads the strip back from a luma plane of `width` by `height` (no padding between rows),
/// even if scaled or coded. `None`: there is no strip, or it cannot be trusted.
pub fn read_strip(luma: &[u8], width: usize, height: usize) -> Option<u32> {
    if width < BLOCKS * 2 || height < SHARE * 2 || luma.len() < width.checked_mul(height)? {
        return None;
    }
    let levels: Vec<u32> = (0..BLOCKS).map(|at| level(luma, width, height, at)).collect();
    let (white, black) =
        ((levels.first()? + levels.get(39)?) / 2, (levels.get(1)? + levels.get(38)?) / 2);
    if white < black + 64 {
        return None;
    }
    let middle = u32::midpoint(white, black);
    let code =
        levels.get(2..38)?.iter().fold(0_u64, |code, level| code << 1 | u64::from(*level > middle));
    let number = u32::try_from(code >> 4).ok()?;
    (u64::from(parity(number)) == code & 0xf).then_some(number)
}

/// Mean of the middle half of a block, away from the edges that scaling and coding blur.
fn level(luma: &[u8], width: usize, height: usize, at: usize) -> u32 {
    let (from, to) = (at * width / BLOCKS, (at + 1) * width / BLOCKS);
    let (first, rows) = (top(height), height / SHARE);
    let (inset, indent) = ((to - from) / 4, rows / 4);
    let (mut sum, mut count) = (0_u32, 0_u32);
    for line in luma.chunks_exact(width).take(first + rows - indent).skip(first + indent) {
        for value in line.get(from + inset..to - inset).unwrap_or(&[]) {
            sum += u32::from(*value);
            count += 1;
        }
    }
    sum / count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_picture_without_strip_has_no_number() {
        assert_eq!(read_strip(&[30; 640 * 360], 640, 360), None);
        assert_eq!(read_strip(&[], 640, 360), None);
        assert_eq!(read_strip(&[], usize::MAX, usize::MAX), None);
        assert_eq!(read_strip(&[0; 100], 10, 10), None);
    }

    #[test]
    fn one_wrong_block_is_noticed() {
        let mut luma = vec![0; 640 * 360];
        write(&mut luma, 640, 360, 0x1234_5678);
        for line in luma.chunks_exact_mut(640).skip(top(360)) {
            for value in &mut line[16 * 9..16 * 10] {
                *value = 251 - *value;
            }
        }
        assert_eq!(read_strip(&luma, 640, 360), None);
    }

    proptest! {
        #[test]
        fn reads_back_what_was_written_with_noise(number in any::<u32>(), size in 0_usize..3, noise in 0_u8..60, seed in any::<u64>()) {
            let (width, height) = [(640, 360), (480, 270), (320, 180)][size];
            let mut luma = vec![0; width * height];
            write(&mut luma, width, height, number);
            let mut state = seed;
            for value in &mut luma {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let by = u8::try_from(state >> 56).unwrap() % noise.max(1);
                *value = if state & 1 == 0 { value.saturating_add(by) } else { value.saturating_sub(by) };
            }
            prop_assert_eq!(read_strip(&luma, width, height), Some(number));
        }
    }
}
