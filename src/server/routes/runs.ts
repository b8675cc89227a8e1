import type { FastifyInstance } from "fastify";
import { inputName } from "../../model/plan.ts";
import { RUN_MODES, type RunDescription, type RunListItem, type RunModes } from "../../protocol/run.ts";
import type { LiveState } from "../../protocol/run-event.ts";
import { SCHEMA_VERSION } from "../../protocol/version.ts";
import type { RunLoop } from "../../runtime/run-loop.ts";
import { parseCreateRequest } from "../create-request.ts";
import { type EngineParts, findOpenRun, findRun, refuseWhileClosing } from "../parts.ts";

/** Create, list and look at runs; write snapshots. */
export function registerRunRoutes(app: FastifyInstance, parts: EngineParts): void {
  app.post("/v1/runs", async (request, reply) => {
    refuseWhileClosing(parts);
    const loop = await parts.registry.create(parseCreateRequest(request.body));
    const { runId } = loop.run.definition;
    return reply.status(201).header("location", `/v1/runs/${runId}`).send(describe(loop));
  });

  app.get("/v1/runs", async (_request, reply) => {
    reply.header("cache-control", "no-store");
    const live = parts.registry.all().map(listItem);
    const items = [...live, ...(await parts.storedRuns())];
    return { items, totalCount: items.length, page: 1, pageSize: items.length };
  });

  app.get<{ Params: { runId: string } }>("/v1/runs/:runId", (request, reply) => {
    reply.header("cache-control", "no-store");
    return describe(findRun(parts, request.params.runId));
  });

  app.get<{ Params: { runId: string } }>("/v1/runs/:runId/state/live", (request, reply): LiveState => {
    reply.header("cache-control", "no-store");
    const loop = findRun(parts, request.params.runId);
    const { run } = loop;
    return {
      schemaVersion: SCHEMA_VERSION,
      runId: run.definition.runId,
      epoch: run.definition.epoch,
      seq: run.cursorSeq,
      state: loop.state,
      sealedBin: run.evaluatedBin,
      hash: run.hash(),
      ...run.newestState(),
      warnings: run.activeWarnings(),
    };
  });

  app.post<{ Params: { runId: string } }>("/v1/runs/:runId/abort", async (request) => {
    const loop = findOpenRun(parts, request.params.runId);
    await loop.abort();
    return describe(loop);
  });

  app.post<{ Params: { runId: string } }>("/v1/runs/:runId/checkpoints", async (request, reply) => {
    const loop = findOpenRun(parts, request.params.runId);
    return reply.status(201).send(await loop.checkpoint());
  });
}

function describe(loop: RunLoop): RunDescription {
  const { run } = loop;
  const { definition, checkpoint } = run;
  return {
    schemaVersion: SCHEMA_VERSION,
    runId: definition.runId,
    mode: definition.mode,
    state: loop.state,
    epoch: definition.epoch,
    seq: run.cursorSeq,
    grid: run.grid,
    sealedBin: run.evaluatedBin,
    hash: run.hash(),
    openBins: loop.standing.openBins,
    nodes: run.nodes,
    bindings: run.plan.bound.map(inputName),
    createdUtc: definition.createdUtc,
    checkpointEvery: definition.checkpointEvery,
    latePolicy: definition.latePolicy ?? "reject",
    historyBins: definition.historyBins ?? null,
    gapPolicy: definition.gapPolicy ?? "nan",
    sealAfterMs: definition.sealAfterMs ?? null,
    idleAfterMs: definition.idleAfterMs ?? null,
    idleInputs: run.idleInputs,
    ...(enforces(definition.modes) ? { modes: definition.modes } : {}),
    adjustments: run.changes,
    snapshot:
      checkpoint === null
        ? null
        : { snapshotRunId: checkpoint.snapshotRunId, sealedBin: checkpoint.sealedBin, path: checkpoint.path },
    failure: loop.failure,
  };
}

function listItem(loop: RunLoop): RunListItem {
  const { definition } = loop.run;
  return {
    runId: definition.runId,
    kind: "live",
    mode: definition.mode,
    state: loop.state,
    bins: loop.run.grid.bins,
    sealedBin: loop.run.evaluatedBin,
    createdUtc: definition.createdUtc,
    warningCount: loop.run.activeWarnings().length,
    path: loop.run.checkpoint?.path ?? null,
  };
}

function enforces(modes: RunModes | undefined): modes is RunModes {
  return modes !== undefined && RUN_MODES.some((mode) => modes[mode] === true);
}
