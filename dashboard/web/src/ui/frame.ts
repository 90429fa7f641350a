// All drawing goes through one animation frame, however many messages ask for it.

/** Between two drawings; rows come four times a second, and a person reads slower. */
const GAP_MS = 200;

/**
 * Makes a function that asks for `draw`. The first call after a pause draws with the next
 * frame, so that a beacon is not kept waiting; a stream of calls draws at a steady pace.
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
