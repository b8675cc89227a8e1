import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { FlowError } from "../../lib/errors.ts";
import type { CaptureContent, CaptureLine } from "../../protocol/capture.ts";
import { captureSourceOf } from "../../runtime/capture-source.ts";
import { roundTripUtc } from "../../snapshot/assemble.ts";
import { captureRun } from "../../snapshot/capture.ts";
import type { GapOptions } from "../../snapshot/capture-series.ts";
import { SnapshotError } from "../../snapshot/snapshot-error.ts";
import type { SnapshotFile } from "../../snapshot/text-file.ts";
import { type EngineParts, findRun } from "../parts.ts";

interface CaptureQuery {
  readonly gaps?: string;
  readonly fillNan?: string;
  readonly dryRun?: string;
}

/** `GET /v1/runs/{id}/capture`: what the run has evaluated, as a telemetry capture, one file a line. */
export function registerCaptureRoute(app: FastifyInstance, parts: EngineParts): void {
  app.get<{ Params: { runId: string }; Querystring: CaptureQuery }>(
    "/v1/runs/:runId/capture",
    { exposeHeadRoute: false },
    async (request, reply) => {
      const options = gapOptions(request.query);
      const isDryRun = flag("dryRun", request.query.dryRun);
      const loop = findRun(parts, request.params.runId);
      await loop.settled();
      if (loop.failure !== null) throw new FlowError("run_failed", `The run has failed: ${loop.failure}`);
      if (loop.run.evaluatedBin < 0) {
        throw new FlowError(
          "nothing_sealed",
          "No bin is sealed yet, so there is nothing to capture. Send telemetry first.",
        );
      }
      const now = () => roundTripUtc(parts.clock.now());
      const { first, rest } = await begin(() => captureRun(captureSourceOf(loop.run.image()), { ...options, now }));
      reply.header("cache-control", "no-store").type("application/x-ndjson");
      return reply.send(Readable.from(lines(first, rest, isDryRun)));
    },
  );
}

type Capture = AsyncGenerator<SnapshotFile, CaptureContent>;

/** As far as the first file: by then it is known whether every file has a name and a place. */
async function begin(start: () => Capture): Promise<{ first: Awaited<ReturnType<Capture["next"]>>; rest: Capture }> {
  try {
    const rest = start();
    return { first: await rest.next(), rest };
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new FlowError("not_capturable", error.message, { facts: error.facts, cause: error });
  }
}

/** One file a turn, so that a big capture does not hold up the runs. */
async function* lines(
  first: Awaited<ReturnType<Capture["next"]>>,
  rest: Capture,
  isDryRun: boolean,
): AsyncGenerator<string> {
  for (let next = first; ; next = await rest.next()) {
    if (next.done === true) {
      yield encode({ type: "end", ...next.value });
      return;
    }
    const { path, bytes } = next.value;
    if (!isDryRun) yield encode({ type: "file", path, text: Buffer.from(bytes).toString("utf8") });
    await nextTurn();
  }
}

function encode(line: CaptureLine): string {
  return `${JSON.stringify(line)}\n`;
}

function gapOptions({ gaps = "ignore", fillNan }: CaptureQuery): GapOptions {
  if (gaps !== "ignore" && gaps !== "warn" && gaps !== "zero") {
    throw new FlowError("bad_request", "gaps must be 'ignore', 'warn' or 'zero'.");
  }
  return { gaps, fillNan: flag("fillNan", fillNan) };
}

function flag(name: string, text: string | undefined): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "true") return true;
  throw new FlowError("bad_request", `${name} must be 'true' or 'false'.`);
}
