import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { Analyser } from "../../../src/analysis/analyser.ts";
import { analyseWindow } from "../../../src/analysis/batch-analysis.ts";
import { classBlocks } from "../../../src/analysis/class-metrics.ts";
import { NodeMetrics } from "../../../src/analysis/metrics.ts";
import type { Warning } from "../../../src/analysis/warning.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { columnsOf, evaluateRows } from "../../support/plan-builder.ts";
import { flowsOf } from "../../support/plan-flows.ts";
import { describeWithReference } from "../../support/reference.ts";

interface GoldenCase {
  readonly name: string;
  readonly folder: string;
  readonly plan: Plan;
  /** Rows of FlowTime's own series; columns it did not write are evaluated. */
  readonly rows: readonly Float64Array[];
  readonly warnings: readonly GoldenWarning[];
}
interface GoldenWarning {
  readonly code: string;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, ""));
}

type Kind = "direct" | "prefix" | "simulation";

/** Cases of a kind that compile here; `skipped` counts the rest by the code of the first finding. */
function goldenCases(root: string, kind: Kind): { cases: readonly GoldenCase[]; skipped: Map<string, number> } {
  const skipped = new Map<string, number>();
  const cases = readdirSync(path.join(root, "golden", kind)).flatMap((name): GoldenCase[] => {
    const folder = path.join(root, "golden", kind, name);
    const [runId] = readdirSync(path.join(folder, "run"));
    const run = path.join(folder, "run", runId!);
    const { model, diagnostics } = parseModel(modelText(kind, folder, run));
    const options = { asDirectRun: kind !== "simulation" };
    const compiled = model === null ? { plan: null, diagnostics } : compileModel(model, options);
    if (compiled.plan === null) {
      const reason = compiled.diagnostics.find(({ severity }) => severity === "error")?.code ?? "unknown";
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      return [];
    }
    const { plan } = compiled;
    const { warnings } = readJson(path.join(run, "run.json")) as { warnings: readonly GoldenWarning[] };
    return [{ name, folder, plan, rows: rowsOf(plan, path.join(run, "series")), warnings }];
  });
  return { cases, skipped };
}

/**
 * Beside some simulations lies a later model than the one that ran; the run's own copy is the model, its links to series
 * files read as series again.
 */
function modelText(kind: Kind, folder: string, run: string): string {
  if (kind !== "simulation") return readFileSync(path.join(folder, "model.yaml"), "utf8");
  const spec = readFileSync(path.join(run, "spec.yaml"), "utf8");
  return spec.replace(/file:\.\.\/series\/([^@]+)@[^@]+@DEFAULT\.csv/g, "$1").replace(/\.\.\.\n$/, "");
}

function rowsOf(plan: Plan, seriesFolder: string): readonly Float64Array[] {
  const rows = evaluateRows(plan);
  for (const file of readdirSync(seriesFolder)) {
    const match = /^(.+)@[^@]+@DEFAULT\.csv$/.exec(file);
    const column = plan.columnOf.get(match?.[1] ?? "");
    if (column === undefined) continue;
    for (const line of readFileSync(path.join(seriesFolder, file), "utf8").trim().split("\n").slice(1)) {
      const [bin, value] = line.split(",");
      rows[Number(bin)]![column] = Number(value);
    }
  }
  return rows;
}

function asWritten({ key: _, ...warning }: Warning): unknown {
  return { ...warning, edgeIds: warning.edgeIds ?? null };
}

function feedAll(plan: Plan, rows: readonly Float64Array[]): Analyser {
  const analyser = new Analyser(plan);
  for (const [bin, row] of rows.entries()) analyser.feed(bin, row);
  return analyser;
}

describeWithReference("warnings of FlowTime's runs", (root) => {
  const leastCases: Readonly<Record<Kind, number>> = { direct: 75, prefix: 20, simulation: 60 };
  for (const kind of ["direct", "prefix", "simulation"] as const) {
    describe(kind, () => {
      const { cases, skipped } = goldenCases(root, kind);
      console.info(`${kind}: ${cases.length} cases compared, not compiled: ${JSON.stringify([...skipped])}`);

      test("enough cases are compared", () => {
        expect(cases.length).toBeGreaterThanOrEqual(leastCases[kind]);
      });

      test.each(cases)("$name", ({ plan, rows, warnings }) => {
        expect(feedAll(plan, rows).active().map(asWritten)).toEqual(warnings);
        expect(analyseWindow(plan, columnsOf(rows), rows.length, flowsOf(plan, rows)).map(asWritten)).toEqual(warnings);
      });
    });
  }
});

interface WindowAnswer {
  readonly window: { readonly startBin: number; readonly binCount: number };
  readonly nodes: readonly {
    readonly id: string;
    readonly series: Readonly<Record<string, readonly (number | null)[]>>;
    readonly seriesMetadata?: Readonly<Record<string, unknown>>;
    readonly byClass?: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
    readonly telemetry: { readonly warnings: readonly { code: string; message: string }[] };
  }[];
  readonly warnings: readonly { code: string; nodeId: string; message: string; startBin?: number; endBin?: number }[];
}

const PER_NODE = /^(littles-law-non-stationary|attempts_conservation_mismatch|retry_kernel_policy|.*_series_missing)$/;
const OVER_WINDOW = /^backlog_/;

describeWithReference("answers of FlowTime's window queries", (root) => {
  const { cases } = goldenCases(root, "simulation");
  const windows = cases.flatMap(({ name, folder, plan, rows }) =>
    ["window-full.json", "window.json"].flatMap((file) => {
      const answer = readJson(path.join(folder, "api", file)) as WindowAnswer;
      return answer.window?.startBin === 0 ? [{ name: `${name} ${file}`, plan, rows, answer }] : [];
    }),
  );
  const compared = { values: 0, warnings: 0, classes: 0 };

  test.each(windows)("$name: live warnings", ({ plan, rows, answer }) => {
    // Conservation is checked over the whole run, everything else over the window.
    const whole = feedAll(plan, rows).activeLive();
    const window = feedAll(plan, rows.slice(0, answer.window.binCount)).activeLive();
    const live = [
      ...whole.filter(({ code }) => code === "attempts_conservation_mismatch"),
      ...window.filter(({ code }) => code !== "attempts_conservation_mismatch"),
    ];
    for (const node of plan.model.topology!.nodes) {
      const told = answer.nodes
        .find(({ id }) => id === node.id)!
        .telemetry.warnings.filter(({ code }) => code !== "class_totals_mismatch");
      const mine = live.filter(({ code, nodeId }) => nodeId === node.id && PER_NODE.test(code));
      expect(mine.map(({ code, message }) => ({ code, message, severity: "warning" }))).toEqual(told);
      compared.warnings += told.length;
    }
    const told = answer.warnings.filter(({ code }) => OVER_WINDOW.test(code));
    const mine = live.filter(({ code }) => OVER_WINDOW.test(code));
    expect(mine.map(({ key: _, bins: __, value: ___, ...warning }) => warning)).toEqual(told);
    compared.warnings += told.length;
  });

  // The stream shows what was served; where a constraint limits a node, queries show less (test/conformance compares that).
  const LIMITED = ["served", "utilization", "throughputRatio", "retryTax"];
  const isLimited = (node: WindowAnswer["nodes"][number]): boolean => node.seriesMetadata?.served !== undefined;
  test.each(windows)("$name: node metrics", ({ plan, rows, answer }) => {
    const metrics = new NodeMetrics(plan);
    const { binCount } = answer.window;
    const mine = metrics.nodes.map((node) => new Map(node.metrics.map((name) => [name, [] as (number | null)[]])));
    for (const [bin, row] of rows.slice(0, binCount).entries()) {
      metrics.evaluate(bin, row);
      for (const [index, node] of metrics.nodes.entries()) {
        for (const [metric, name] of node.metrics.entries()) {
          const value = metrics.value(index, metric);
          mine[index]!.get(name)!.push(Number.isNaN(value) ? null : value);
        }
      }
    }
    for (const [index, node] of metrics.nodes.entries()) {
      const toldNode = answer.nodes.find(({ id }) => id === node.id)!;
      const told = toldNode.series;
      const others = ["flowLatencyMs", ...(isLimited(toldNode) ? LIMITED : [])];
      const names = Object.keys(told).filter((name) => !others.includes(name));
      for (const name of names) {
        const values = mine[index]!.get(name === "queue" ? "queueDepth" : name);
        expect(values, `${node.id} ${name}`).toEqual(told[name]);
        compared.values += told[name]!.length;
      }
      // FlowTime leaves out times that have no value in the window; everything else it shows, and so do we.
      const extra = node.metrics.filter((name) => told[name === "queueDepth" ? "queue" : name] === undefined);
      for (const name of extra) {
        expect(["queueTimeMs", "cycleTimeMs", "flowEfficiency"], `${node.id} ${name}`).toContain(name);
        expect(
          mine[index]!.get(name)!.every((value) => value === null),
          `${node.id} ${name}`,
        ).toBe(true);
      }
    }
  });

  test.each(windows)("$name: classes of nodes", ({ plan, rows, answer }) => {
    const blocks = classBlocks(plan);
    for (const [index, { id }] of plan.model.topology!.nodes.entries()) {
      const { "*": _total, ...told } = answer.nodes.find((node) => node.id === id)!.byClass ?? {};
      const values = blocks[index]!.map(({ classId, metrics }) => {
        const series = metrics.map(({ name, read }) => {
          const numbers = rows.slice(0, answer.window.binCount).map((row) => read(row));
          return [name === "queueDepth" ? "queue" : name, numbers.map((value) => (Number.isNaN(value) ? null : value))];
        });
        // FlowTime leaves out what has no value in the window.
        const shown = series.filter(([, numbers]) => (numbers as unknown[]).some((value) => value !== null));
        return [classId, Object.fromEntries(shown)];
      });
      expect(Object.fromEntries(values), id).toEqual(told);
      compared.classes += values.length;
    }
  });

  test("enough was compared", () => {
    console.info(
      `window answers: ${windows.length}, values ${compared.values}, warnings ${compared.warnings}, ` +
        `classes at nodes ${compared.classes}`,
    );
    expect(windows.length).toBeGreaterThanOrEqual(120);
    expect(compared.values).toBeGreaterThan(50_000);
    expect(compared.warnings).toBeGreaterThan(150);
    expect(compared.classes).toBeGreaterThan(300);
  });
});
