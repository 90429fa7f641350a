// Text on a canvas, no wider than its room.

/** `text`, or as much of it as fits with an ellipsis; null when that says nothing. */
export function fit(text: string, room: number, measure: (text: string) => number): string | null {
  if (measure(text) <= room) return text;
  let length = Math.floor((text.length * room) / Math.max(1, measure(text)));
  while (length >= LEAST) {
    const cut = `${text.slice(0, length).trimEnd()}…`;
    if (measure(cut) <= room) return cut;
    length -= 1;
  }
  return null;
}

/** Fewer letters than this name nothing. */
const LEAST = 8;
