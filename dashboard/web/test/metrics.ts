// Metrics as the platform defines them, for tests.

import golden from "../../../schemas/tests/goldens/schemas/metrics.json";
import type { Metric } from "../src/feed/types";

// JSON has neither tuples nor words of a set: that they are such is what the platform promises.
const METRICS = golden as unknown as readonly Metric[];

function named(name: string): Metric {
  const metric = METRICS.find((one) => one.name === name);
  if (!metric) throw new Error(`the platform defines no metric ${name}`);
  return metric;
}

export const REBUFFER = named("rebuffer_ratio_pct");
export const STARTUP = named("startup_p95_ms");
export const VIEWERS = named("viewers");
export const STARTS = named("starts");
export const FAILURES = named("start_failures_pct");
