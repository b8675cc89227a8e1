import type { SeriesRole } from "../model/model.ts";

/** The roles that FlowTime's class blocks show (engine.md §10), in its order. */
export const CLASS_ROLES = [
  "arrivals",
  "served",
  "errors",
  "queueDepth",
  "capacity",
  "processingTimeMsSum",
  "servedCount",
] as const satisfies readonly SeriesRole[];
export type ClassRole = (typeof CLASS_ROLES)[number];
