// The pages that are built, in the order of the rail; no others are in the menu.

interface PageInfo {
  readonly page: string;
  readonly path: string;
  readonly title: string;
  /** Under the icon in the rail. */
  readonly short: string;
  /** Opens it from anywhere. */
  readonly key: string;
}

export const PAGES = [
  { page: "room", path: "/", title: "Control room", short: "Room", key: "c" },
  { page: "pipeline", path: "/pipeline", title: "Pipeline", short: "Pipeline", key: "p" },
  { page: "sessions", path: "/sessions", title: "Sessions", short: "Sessions", key: "e" },
  { page: "watch", path: "/watch", title: "Watch", short: "Watch", key: "w" },
  { page: "sql", path: "/sql", title: "SQL", short: "SQL", key: "q" },
  { page: "players", path: "/players", title: "Players", short: "Players", key: "y" },
  { page: "connect", path: "/connect", title: "Connect", short: "Connect", key: "k" },
  { page: "health", path: "/health", title: "Health", short: "Health", key: "h" },
] as const satisfies readonly PageInfo[];

export type PageName = (typeof PAGES)[number]["page"];

/** What a path leads to: a page, or nothing that anybody built. */
export type Place = PageName | "lost";

/** The page at a path. */
export function pageAt(path: string): Place {
  const plain = path.replace(/(.)\/$/, "$1");
  return PAGES.find((one) => one.path === plain)?.page ?? "lost";
}

export function pathOf(page: Place): string {
  return PAGES.find((one) => one.page === page)?.path ?? "/";
}
