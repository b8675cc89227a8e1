import type { FastifyInstance } from "fastify";
import type { EngineState } from "../../protocol/run.ts";
import { SCHEMA_VERSION } from "../../protocol/version.ts";
import type { EngineParts } from "../parts.ts";

/** `/healthz` and the engine as a whole. */
export function registerEngineRoutes(app: FastifyInstance, parts: EngineParts): void {
  app.get("/healthz", () => ({ status: "ok" }));

  app.get("/v1/state/live", (_request, reply): EngineState => {
    reply.header("cache-control", "no-store");
    return {
      schemaVersion: SCHEMA_VERSION,
      pid: process.pid,
      uptimeMs: parts.clock.now() - parts.startedMs,
      runs: parts.registry.all().map((loop) => ({
        runId: loop.run.definition.runId,
        state: loop.state,
        sealedBin: loop.run.evaluatedBin,
        openBins: loop.standing.openBins,
        lagBins: Math.max(0, loop.standing.newestBin - loop.run.evaluatedBin),
        lagMs: loop.lagMs,
        subscribers: loop.topic.subscriberCount,
        counters: loop.counters,
      })),
      queue: parts.gateway.queue,
    };
  });
}
