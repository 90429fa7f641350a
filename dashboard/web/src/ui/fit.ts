// Text on a canvas, no wider than its space.

/** `text`, or as much of it as fits with an ellipsis; null when too little would be left. */
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

/** Fewer letters than this identify nothing. */
const LEAST = 8;
