// Metrics as the platform defines them, for tests.

import type { Metric } from "../src/feed/types";

const base = { title: "", unit: "%", denominator: "", source: "", bad: "high" as const, limits: [0.5, 1, 3] as const, window_s: 30 };
export const REBUFFER: Metric = { ...base, name: "rebuffer_ratio_pct", formula: { kind: "ratio", num: "rebuffering_ms", den: ["starting_ms", "playing_ms", "rebuffering_ms", "seeking_ms"], scale: 100 } };
export const STARTUP: Metric = { ...base, name: "startup_p95_ms", unit: "ms", formula: { kind: "quantile", of: "startup_sketch", q: 0.95 } };
export const VIEWERS: Metric = { ...base, name: "viewers", unit: "", formula: { kind: "gauge", of: "viewers" }, limits: null };
export const STARTS: Metric = { ...base, name: "starts", unit: "/s", formula: { kind: "rate", of: "starts" }, limits: null };
export const FAILURES: Metric = { ...base, name: "start_failures_pct", formula: { kind: "ratio", num: "start_failures", den: ["attempts"], scale: 100 } };
