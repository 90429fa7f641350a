// Which parts depart from normal: the single list behind the tiles, the pipeline and the Incidents
// panel.

import type { App } from "../app";
import { Delivery, edgeBox, encoderBox, originBox, type Box } from "./figures";
import { pathwayBox } from "./pathway";

/** Boxes of all parts whose level is not normal, the worst first. */
export function departingParts(app: App): Box[] {
  if (app.steering.media() === false) return (app.steering.status?.edges ?? []).map((edge) => pathwayBox(edge, app.feed.now())).filter(({ level }) => level > 0);
  const delivery = new Delivery(app);
  const boxes = [...delivery.pipelines().map((name) => encoderBox(app, delivery, name)), originBox(app, delivery), ...delivery.edges().map((name) => edgeBox(app, delivery, name))];
  return boxes.filter(({ level }) => level > 0).sort((a, b) => b.level - a.level);
}
