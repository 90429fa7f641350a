//! The audio: a beep of a tenth of a second at each full second of Unix time, otherwise silence,
//! as a function of the sample index since the epoch.

/// Pitch of the beep, Hz.
const PITCH: u64 = 1_000;

/// Writes the samples from `first` on. `rate` is in samples per second.
pub(crate) fn write(first: u64, rate: u32, out: &mut [f32]) {
    let rate = u64::from(rate.max(1));
    for (sample, index) in out.iter_mut().zip(first..) {
        *sample = at(index % rate, rate);
    }
}

/// The sample at `since` samples after the full second.
#[allow(clippy::cast_precision_loss, reason = "sample counts within a second are far below 2^24")]
fn at(since: u64, rate: u64) -> f32 {
    let beep = rate / 10;
    if since >= beep {
        return 0.0;
    }
    // Faded in and out over 5 ms, so that the beep does not click.
    let edge = (rate / 200).max(1);
    let fade = since.min(beep - since).min(edge) as f32 / edge as f32;
    let phase = (since * PITCH % rate) as f32 / rate as f32;
    0.25 * fade * (phase * std::f32::consts::TAU).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beeps_at_the_full_second_only() {
        let mut second = vec![9.0; 48_000];
        write(1_795_000_000 * 48_000, 48_000, &mut second);
        let loud = second.iter().rposition(|s| s.abs() > 0.01).unwrap();
        assert!((4_700..4_800).contains(&loud), "the beep ends at sample {loud}");
        assert!(second.iter().any(|s| *s > 0.24));
    }

    #[test]
    fn depends_on_the_index_alone() {
        let (mut whole, mut part) = (vec![0.0; 4_096], vec![0.0; 1_024]);
        write(48_000 - 100, 48_000, &mut whole);
        write(48_000 - 100 + 2_048, 48_000, &mut part);
        assert_eq!(whole[2_048..3_072], part[..]);
    }
}
