// The existing pages, in the order of the rail.

interface PageInfo {
  readonly page: string;
  readonly path: string;
  readonly title: string;
  /** The label under the icon in the rail. */
  readonly short: string;
  /** The key that opens it from anywhere. */
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

/** The page of a path, if there is one. */
export type Place = PageName | "lost";

/** The page at a path. */
export function pageAt(path: string): Place {
  const plain = path.replace(/(.)\/$/, "$1");
  return PAGES.find((one) => one.path === plain)?.page ?? "lost";
}

export function pathOf(page: Place): string {
  return PAGES.find((one) => one.page === page)?.path ?? "/";
}
