// Icons of the rail, drawn in 20 × 20 with lines of 1.5.

const PATHS: Readonly<Record<string, string>> = {
  room: "M2 10h3.5l2-6 4 12 2.5-8 1.2 2H18",
  pipeline: "M2 8h4v4H2zM14 3.5h4v4h-4zM14 12.5h4v4h-4zM6 10h4M14 5.5h-2a2 2 0 0 0-2 2v5a2 2 0 0 0 2 2h2",
  watch: "M6 4.5v11l9-5.5z",
  sql: "M4 5.5C4 4.1 6.7 3 10 3s6 1.1 6 2.5S13.3 8 10 8 4 6.9 4 5.5zM4 5.5v9C4 15.9 6.7 17 10 17s6-1.1 6-2.5v-9M4 10c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5",
  sessions: "M3 5h9M3 10h14M3 15h6",
  players: "M3 4h14v10H3zM8.5 6.5v5l4-2.5zM7 17h6",
  connect: "M8.5 11.5l3-3M9 6.5l2-2a3.2 3.2 0 0 1 4.5 4.5l-2 2M11 13.5l-2 2A3.2 3.2 0 0 1 4.500 11l2-2",
  health: "M10 16.5S3 12.4 3 7.8A3.8 3.8 0 0 1 10 5.7a3.8 3.8 0 0 1 7 2.1c0 4.6-7 8.7-7 8.7zM6 10h2l1.2-2.4L11 12l1-2h2",
};

export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("width", "20");
  svg.setAttribute("height", "20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", PATHS[name] ?? "");
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", "currentColor");
  path.setAttribute("stroke-width", "1.5");
  path.setAttribute("stroke-linecap", "round");
  path.setAttribute("stroke-linejoin", "round");
  svg.append(path);
  return svg;
}
