import type { FastifyInstance } from "fastify";
import { DEFAULT_EXPLAIN_DEPTH, MAX_EXPLAIN_DEPTH } from "../../analysis/explain/explain.ts";
import { FlowError } from "../../lib/errors.ts";
import type { ExplainAnswer } from "../../protocol/explanation.ts";
import { SCHEMA_VERSION } from "../../protocol/version.ts";
import { binStartUtc } from "../../runtime/input-directory.ts";
import { type EngineParts, findRun } from "../parts.ts";

type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How one value of a run comes about. */
export function registerExplainRoute(app: FastifyInstance, parts: EngineParts): void {
  app.get<{ Params: { runId: string }; Querystring: Query }>("/v1/runs/:runId/explain", (request, reply) => {
    reply.header("cache-control", "no-store");
    const { run } = findRun(parts, request.params.runId);
    const { series } = request.query;
    if (typeof series !== "string" || series.trim() === "") {
      throw new FlowError("bad_request", "series must name what to explain, once: NODE.METRIC or the id of a series.");
    }
    const explanation = run.explain({
      series,
      bin: wholeNumber(request.query, "bin", 0, Number.MAX_SAFE_INTEGER),
      depth: wholeNumber(request.query, "depth", 1, MAX_EXPLAIN_DEPTH) ?? DEFAULT_EXPLAIN_DEPTH,
    });
    const startUtc = binStartUtc(run.plan.source.grid, explanation.binIndex);
    const answer: ExplainAnswer = {
      schemaVersion: SCHEMA_VERSION,
      runId: run.definition.runId,
      startUtc,
      explanation,
    };
    return answer;
  });
}

/** @returns null when absent */
function wholeNumber(query: Query, name: string, min: number, max: number): number | null {
  const text = query[name];
  if (text === undefined) return null;
  const value = Number(text);
  if (typeof text !== "string" || !/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
    throw new FlowError("bad_request", `${name} must be a whole number ${range}, not '${String(text)}'.`);
  }
  return value;
}
