// All drawing goes through one animation frame, however many messages ask for it.

/** Time between two drawings; rows come four times a second, and people read more slowly. */
const GAP_MS = 200;

/**
 * Makes a function that schedules `draw`. The first call after a pause draws with the next frame,
 * so that a beacon appears at once; a stream of calls draws at a steady pace.
 */
export function scheduler(draw: () => void): () => void {
  let asked = false;
  let last = -Infinity;
  const run = (): void => {
    asked = false;
    last = performance.now();
    draw();
  };
  return () => {
    if (asked) return;
    asked = true;
    const wait = last + GAP_MS - performance.now();
    if (wait <= 0) requestAnimationFrame(run);
    else setTimeout(() => requestAnimationFrame(run), wait);
  };
}
