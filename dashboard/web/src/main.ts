// Builds the shell and draws the page that the URL names.

import "./style/index.css";
import type { App, Page } from "./app";
import { ConnectPage } from "./connect/page";
import { Steering } from "./control/steering";
import { FeedClient } from "./feed/client";
import { FeedState } from "./feed/state";
import { HealthPage } from "./health/page";
import type { Place } from "./pages";
import { PipelinePage } from "./pipeline/page";
import { PlayersPage } from "./players/page";
import { RoomPage } from "./room/page";
import { SelectionStore } from "./selection";
import { SessionsPage } from "./sessions/page";
import { Herald } from "./shell/herald";
import { bindKeys, helpCard } from "./shell/keys";
import { changing, decide } from "./shell/lamp";
import { LostPage } from "./shell/lost";
import { Rail } from "./shell/rail";
import { applyTheme, toggleTheme } from "./shell/theme";
import { TopBar } from "./shell/topbar";
import { SegmentsPoll } from "./stream/segments";
import { SqlPage } from "./sql/page";
import { find, h, setAttr } from "./ui/dom";
import { scheduler } from "./ui/frame";
import { NothingPage } from "./watch/nothing";
import { WatchPage } from "./watch/page";

const draw = (): void => drawAll();
const request = scheduler(draw);
const feed = new FeedState();
const steering = new Steering(feed.records, request);
const app: App = {
  feed,
  segments: new SegmentsPoll(() => steering.stream(), request),
  steering,
  selection: new SelectionStore(request),
  tally: { tally: "blind", word: "BLIND", cause: "connecting to the feed" },
  blindFrom: -Infinity,
};

applyTheme();
const topbar = new TopBar(app);
const rail = new Rail(app);
const herald = new Herald(app);
const help = helpCard();
// It scrolls on small screens, so the keyboard must be able to focus it.
const main = h("main", { tabindex: "0" });
find(document, "#app").append(topbar.root, rail.root, main, herald.root, help);
const theme = (): void => {
  toggleTheme();
  request();
};
bindKeys(app, help, theme, draw);

let page: Page | null = null;
let shown: keyof typeof OPEN | null = null;

const OPEN: Readonly<Record<Place | "nothing", () => Page>> = {
  room: () => new RoomPage(app),
  pipeline: () => new PipelinePage(app),
  sessions: () => new SessionsPage(app),
  watch: () => new WatchPage(app),
  nothing: () => new NothingPage(),
  lost: () => new LostPage(app),
  sql: () => new SqlPage(app),
  players: () => new PlayersPage(app),
  connect: () => new ConnectPage(app),
  health: () => new HealthPage(app),
};

/**
 * The page of the URL. The Watch page opens a session when it is made, so it is not made before it
 * is known whether there is anything to watch.
 */
function wanted(): keyof typeof OPEN | null {
  const { page } = app.selection.current;
  const media = app.steering.media();
  if (page !== "watch" || media === true) return page;
  return media === null ? null : "nothing";
}

function drawAll(): void {
  const name = wanted();
  if (name !== shown) {
    page?.close();
    page = name === null ? null : OPEN[name]();
    shown = name;
    main.replaceChildren(...(page ? [page.root] : []));
    setAttr(document.body, "data-page", app.selection.current.page);
  }
  decide(app);
  setAttr(document.body, "data-blind", app.tally.tally === "blind");
  setAttr(document.body, "data-feed", feed.connected() ? "up" : "down");
  topbar.draw();
  rail.draw();
  herald.draw();
  page?.draw();
}

const changed = changing(app, request);
new FeedClient(feed, changed).start();
app.steering.start();
// The clock and the ages advance even when nothing else changes.
setInterval(changed, 1_000);
request();
