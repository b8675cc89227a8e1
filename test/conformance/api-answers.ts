import { readFileSync } from "node:fs";
import path from "node:path";
import { type QueryRun, seriesKey } from "../../src/analysis/query/query-run.ts";
import { StateQuery } from "../../src/analysis/query/state-query.ts";
import { shortestText } from "../../src/lib/dotnet-number.ts";
import { parseModel } from "../../src/model/parse.ts";
import type { RunValues } from "../../src/runtime/run-image.ts";

/** What model/metadata.json of our run folder says; answers repeat it. */
interface StoredFacts {
  readonly templateId: string;
  readonly templateTitle: string | null;
  readonly templateNarrative: string | null;
  readonly templateVersion: string | null;
  readonly mode: string;
  readonly modelHash: string;
  readonly telemetrySources: readonly string[];
  readonly nodeSources: Readonly<Record<string, unknown>>;
}

interface Request {
  readonly name: string;
  readonly path: string;
  readonly status: number;
}

/** Requests whose answers come out of a `StateQuery`. */
const ANSWERED = /^\/v1\/runs\/\{runId\}\/(state|state_window|metrics)(\?|$)/;

export interface ComparedAnswers {
  readonly compared: number;
  /** First difference of each answer that differs. */
  readonly differences: readonly string[];
}

/**
 * Compares what FlowTime's API answered about a run with our answers, to the byte. Nothing is excepted; only the paths in
 * `metadata.storage` are not computed here: they are below `{runsRoot}`, as the goldens say.
 *
 * @param api folder of the answers
 * @param runId of our run folder of the same model
 * @param files of that folder
 */
export function compareAnswers(
  api: string,
  runId: string,
  values: RunValues,
  files: ReadonlyMap<string, Uint8Array>,
): ComparedAnswers {
  const query = new StateQuery(queryRun(runId, values, files));
  const differences: string[] = [];
  let compared = 0;
  for (const { name, path: url } of comparedRequests(api)) {
    compared++;
    const answered = compactJson(answer(query, new URL(url, "http://localhost"), values.bins));
    const told = readFileSync(path.join(api, name), "utf8");
    if (answered !== told) differences.push(`api/${name}: ${firstDifference(told, answered)}`);
  }
  return { compared, differences };
}

/** Requests whose answers are compared, of those that the folder lists. */
export function comparedRequests(apiFolder: string): readonly Request[] {
  const requests = JSON.parse(readFileSync(path.join(apiFolder, "requests.json"), "utf8")) as Request[];
  return requests.filter(({ path: url, status }) => status === 200 && ANSWERED.test(url));
}

function answer(query: StateQuery, { pathname, searchParams }: URL, bins: number): unknown {
  const number = (name: string): number => Number(searchParams.get(name));
  if (pathname.endsWith("/state")) return query.snapshot(number("binIndex"));
  if (pathname.endsWith("/metrics")) return query.metrics({ start: 0, count: bins });
  const mode = searchParams.get("mode") === "full" ? "full" : "operational";
  const start = number("startBin");
  return query.window({ start, count: number("endBin") - start + 1 }, { mode });
}

/** A query run over what we evaluated and wrote. */
function queryRun(runId: string, values: RunValues, files: ReadonlyMap<string, Uint8Array>): QueryRun {
  const text = (file: string): string => new TextDecoder().decode(files.get(file));
  const { model, diagnostics } = parseModel(text("spec.yaml"));
  if (model === null) throw new Error(`our own spec.yaml is no model: ${diagnostics[0]?.message}`);
  const run = JSON.parse(text("run.json")) as Pick<QueryRun, "warnings"> & { readonly classCoverage: string };
  const stored = JSON.parse(text("model/metadata.json")) as StoredFacts;
  const place = (file: string): string => `{runsRoot}/${runId}/model/${file}`;
  const written = new Set([...files.keys()].map((file) => seriesKey(`file:${file}`)));
  const series = new Map(values.series.filter(({ id }) => written.has(id)).map((entry) => [entry.id, entry.values]));
  return {
    facts: {
      runId,
      templateId: stored.templateId,
      templateTitle: stored.templateTitle,
      templateNarrative: stored.templateNarrative,
      templateVersion: stored.templateVersion,
      mode: stored.mode,
      provenanceHash: stored.modelHash,
      schemaHash: stored.modelHash,
      storage: {
        modelPath: place("model.yaml"),
        metadataPath: place("metadata.json"),
        provenancePath: place("provenance.json"),
      },
      telemetrySources: stored.telemetrySources,
      nodeSources: Object.keys(stored.nodeSources),
      classCoverage: run.classCoverage,
    },
    model,
    bins: values.bins,
    series: (id) => series.get(id) ?? null,
    classSeries: (id) => values.classSeries.get(id) ?? [],
    edgeSeries: values.edgeSeries,
    warnings: run.warnings,
  };
}

/** Text as FlowTime's API writes it: compact, shortest numbers, only what JSON demands escaped. */
function compactJson(value: unknown): string {
  if (typeof value === "number") return shortestText(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(compactJson).join(",")}]`;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const members = entries.filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${compactJson(member)}`).join(",")}}`;
}

const CONTEXT = 160;

function firstDifference(told: string, answered: string): string {
  let at = 0;
  while (at < told.length && told[at] === answered[at]) at++;
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - CONTEXT), at + CONTEXT / 2));
  return `at character ${at}: FlowTime ${around(told)}, ours ${around(answered)}`;
}
