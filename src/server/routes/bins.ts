import type { FastifyInstance } from "fastify";
import { FlowError } from "../../lib/errors.ts";
import type { KnownBins } from "../../protocol/run-event.ts";
import { SCHEMA_VERSION } from "../../protocol/version.ts";
import { type EngineParts, findRun } from "../parts.ts";

/** Bins of one answer: FlowTime's own bound for a window. */
export const MAX_BINS_PER_ANSWER = 500;

interface BinsRequest {
  Params: { runId: string };
  Querystring: { from?: string; to?: string; asOf?: string };
}

/** `GET /v1/runs/{id}/bins?from=&to=&asOf=`: sealed bins, as they are known now or were at a position of the stream. */
export function registerBinRoutes(app: FastifyInstance, parts: EngineParts): void {
  app.get<BinsRequest>("/v1/runs/:runId/bins", (request, reply): KnownBins => {
    reply.header("cache-control", "no-store");
    const { run } = findRun(parts, request.params.runId);
    const { query } = request;
    const to = count("to", query.to) ?? Math.max(0, run.evaluatedBin);
    const from = count("from", query.from) ?? Math.max(0, to - MAX_BINS_PER_ANSWER + 1);
    const seq = count("asOf", query.asOf) ?? run.cursorSeq;
    if (from > to) throw new FlowError("bad_request", `from (${from}) must not be after to (${to}).`);
    if (to - from >= MAX_BINS_PER_ANSWER) {
      throw new FlowError("bad_request", `At most ${MAX_BINS_PER_ANSWER} bins are answered at once.`);
    }
    if (seq > run.cursorSeq) {
      throw new FlowError("bad_request", `asOf (${seq}) is beyond the newest event, ${run.cursorSeq}.`);
    }
    const bins = Array.from({ length: to - from + 1 }, (_, index) => run.knownBin(from + index, seq));
    const { runId, epoch } = run.definition;
    return { schemaVersion: SCHEMA_VERSION, runId, epoch, seq, bins };
  });
}

/** @throws FlowError `bad_request` */
function count(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new FlowError("bad_request", `${name} must be a whole number from 0, not '${text}'.`);
}
