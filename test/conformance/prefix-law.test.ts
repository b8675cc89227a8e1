// The law of prefixes: a live run stopped after k bins is the batch run of the model cut to k bins. FlowTime's own answer for
// some k are the `prefix` goldens, which conformance.test.ts compares.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import type { RunValues } from "../../src/runtime/run-image.ts";
import { evaluateWindow } from "../../src/runtime/run-model.ts";
import { cutModelText } from "../../src/snapshot/cut-model.ts";
import { describeWithReference } from "../support/reference.ts";
import { goldenRun, modelThatRan } from "./golden.ts";

const KINDS = ["direct", "simulation"] as const;
type Kind = (typeof KINDS)[number];

/** Grids up to here are stopped at every bin; longer ones at some, and with `FLOWTIME_RUNS` above 1 at every bin too. */
const EVERY_BIN_UP_TO = 4;
const isExhaustive = Number(process.env.FLOWTIME_RUNS ?? 1) > 1;

function stopsOf(bins: number): ReadonlySet<number> {
  if (bins <= EVERY_BIN_UP_TO || isExhaustive) return new Set(Array.from({ length: bins }, (_, at) => at + 1));
  return new Set([1, 2, Math.ceil(bins / 2), bins - 1]);
}

function liveRun(kind: Kind, modelText: string): LiveRun {
  const { model } = parseModel(modelText, { profile: kind === "direct" ? "direct" : "live" });
  const { plan } = compileModel(model!, { asDirectRun: kind === "direct" });
  const runId = timestampedRunId(0, new Uint8Array(4));
  const fixed = { runId, epoch: "0", mode: "simulation", createdUtc: "", bindings: [], checkpointEvery: null } as const;
  return new LiveRun({ ...fixed, modelText }, plan!);
}

/** Everything a run folder holds of a run, as texts that tell every bit apart. */
interface Figures {
  readonly series: Readonly<Record<string, string>>;
  readonly classes: Readonly<Record<string, string>>;
  readonly edges: readonly string[];
  readonly warnings: readonly unknown[];
}

function line(values: Iterable<number>): string {
  return Array.from(values, (value) => (Object.is(value, -0) ? "-0" : String(value))).join(" ");
}

/** A direct run writes no edges. */
function figuresOf(kind: Kind, { series, classSeries, edgeSeries, warnings }: RunValues): Figures {
  return {
    series: Object.fromEntries(series.map(({ id, values }) => [id, line(values)])),
    classes: Object.fromEntries(
      [...classSeries].flatMap(([id, classes]) => classes.map((c) => [`${id}@${c.classId}`, line(c.values)])),
    ),
    edges: (kind === "direct" ? [] : edgeSeries).map(
      ({ edgeId, metric, classId, values }) => `${edgeId} ${metric} ${classId} ${line(values)}`,
    ),
    warnings,
  };
}

function batchFigures(kind: Kind, modelText: string): Figures {
  const evaluated = evaluateWindow(modelText, kind);
  if (!evaluated.ok) throw new Error(evaluated.diagnostics.map(({ message }) => message).join("; "));
  return figuresOf(kind, evaluated.image);
}

/** Runs the model once and compares at every stop. */
function checkModel(kind: Kind, folder: string): number {
  const modelText = modelThatRan(readFileSync(path.join(folder, "model.yaml"), "utf8"), goldenRun(folder));
  const run = liveRun(kind, modelText);
  const { bins } = run.grid;
  const stops = stopsOf(bins);
  for (let k = 1; k <= bins; k++) {
    expect(run.evaluateNext()).not.toBeNull();
    if (!stops.has(k)) continue;
    expect(figuresOf(kind, run.image()), `after ${k} of ${bins} bins`).toEqual(
      batchFigures(kind, cutModelText(modelText, k)),
    );
  }
  return stops.size;
}

const compact = path.resolve(import.meta.dirname, "../../fixtures/conformance");

function define(root: string): void {
  let stops = 0;
  describe.each(KINDS)("%s", (kind) => {
    test.each(readdirSync(path.join(root, kind)).sort())("%s", (name) => {
      stops += checkModel(kind, path.join(root, kind, name));
    });
  });
  test("there is something to compare", () => {
    console.info(`${root}: ${stops} prefixes${isExhaustive ? ", every one" : ""}`);
    expect(stops).toBeGreaterThan(50);
  });
}

describe("the compact set in fixtures", () => define(compact));

describeWithReference("every model that FlowTime ran", (root) => define(path.join(root, "golden")));
