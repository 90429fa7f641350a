// What can be seen in a picture without understanding it: whether it is black, and whether it is
// the same as before. Small enough to compare by sums.

const WIDTH = 48;
const HEIGHT = 27;
/** Mean brightness (0 to 255) below which a picture is black; video black is 16, not 0. */
const BLACK = 20;
/** A moving picture differs by more than its coding noise somewhere. */
const STILL = 6;

export interface Look {
  /** Brightness of each point, 0 to 255. */
  places: Uint8Array;
  black: boolean;
}

let canvas: HTMLCanvasElement | null = null;

/** Null where the browser does not let us read it. */
export function lookAt(video: HTMLVideoElement): Look | null {
  canvas ??= document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context || video.videoWidth === 0) return null;
  context.drawImage(video, 0, 0, WIDTH, HEIGHT);
  return lookOf(context.getImageData(0, 0, WIDTH, HEIGHT).data);
}

/** The same, from pixels of four bytes each. */
export function lookOf(pixels: Uint8ClampedArray): Look {
  const places = new Uint8Array(pixels.length / 4);
  let sum = 0;
  for (let at = 0; at < places.length; at += 1) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(4 * at, 4 * at + 3);
    const bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    places[at] = bright;
    sum += bright;
  }
  return { places, black: sum / places.length < BLACK };
}

/**
 * Whether nothing moved: the largest difference of any point decides, so a running clock counts.
 */
export function same(a: Look, b: Look): boolean {
  return a.places.every((bright, at) => Math.abs(bright - (b.places[at] ?? 0)) <= STILL);
}
