// How loud the newest segment is, decoded by the browser. Silence is a fault that no picture shows.

/** Below this level nothing is audible: dither and coding noise are lower. */
const SILENT_DB = -60;

export interface Sound {
  /** Mean level, dB below full scale. */
  db: number;
  silent: boolean;
}

/** Null where the browser cannot decode it. */
export async function listen(init: ArrayBuffer, media: ArrayBuffer): Promise<Sound | null> {
  const bytes = new Uint8Array(init.byteLength + media.byteLength);
  bytes.set(new Uint8Array(init));
  bytes.set(new Uint8Array(media), init.byteLength);
  try {
    const context = new OfflineAudioContext(1, 1, 48_000);
    const decoded = await context.decodeAudioData(bytes.buffer);
    return soundOf(decoded.getChannelData(0));
  } catch {
    return null;
  }
}

/** The same, from samples between −1 and 1. */
export function soundOf(samples: Float32Array): Sound {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const mean = samples.length > 0 ? sum / samples.length : 0;
  const db = mean > 0 ? 10 * Math.log10(mean) : -Infinity;
  return { db, silent: db < SILENT_DB };
}

/** Height of the meter, 0..1, over the audible 60 dB. */
export function meter(sound: Sound | null): number {
  return sound === null ? 0 : Math.min(1, Math.max(0, (sound.db - SILENT_DB) / -SILENT_DB));
}
