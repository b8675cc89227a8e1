import type { FastifyInstance } from "fastify";
import { FlowError } from "../../lib/errors.ts";
import { inputName } from "../../model/plan.ts";
import {
  type BindingRequest,
  type CreateRunRequest,
  LATE_POLICIES,
  type LatePolicy,
  type RunDescription,
  type RunListItem,
} from "../../protocol/run.ts";
import type { LiveState } from "../../protocol/run-event.ts";
import { SCHEMA_VERSION } from "../../protocol/version.ts";
import type { RunLoop } from "../../runtime/run-loop.ts";
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

/** @throws FlowError `bad_request` naming the field and what it may be */
function parseCreateRequest(body: unknown): CreateRunRequest {
  const refuse = (text: string): never => {
    throw new FlowError("bad_request", text);
  };
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return refuse("The body must be a JSON object.");
  const { mode, model, bindings, runId, checkpointEvery, latePolicy, historyBins } = body as Record<string, unknown>;
  if (mode !== "live" && mode !== "simulation") return refuse("mode must be 'live' or 'simulation'.");
  if (typeof model !== "string" || model.trim() === "") return refuse("model must be the model's YAML text.");
  if (runId !== undefined && typeof runId !== "string") return refuse("runId must be a text.");
  if (!isOptionalBins(checkpointEvery)) return refuse("checkpointEvery must be a whole number of bins, at least 1.");
  if (!isOptionalBins(historyBins)) return refuse("historyBins must be a whole number of bins, at least 1.");
  if (latePolicy !== undefined && !LATE_POLICIES.includes(latePolicy as LatePolicy)) {
    return refuse(`latePolicy must be one of ${LATE_POLICIES.join(", ")}.`);
  }
  if (bindings !== undefined && !(Array.isArray(bindings) && bindings.every(isBinding))) {
    return refuse("bindings must be a list of series ids or {nodeId, metric, classId?} objects.");
  }
  return {
    mode,
    model,
    ...(bindings === undefined ? {} : { bindings }),
    ...(runId === undefined ? {} : { runId: runId as string }),
    ...(checkpointEvery === undefined ? {} : { checkpointEvery: checkpointEvery as number }),
    ...(latePolicy === undefined ? {} : { latePolicy: latePolicy as LatePolicy }),
    ...(historyBins === undefined ? {} : { historyBins: historyBins as number }),
  };
}

function isOptionalBins(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) > 0);
}

function isBinding(value: unknown): value is BindingRequest {
  if (typeof value === "string") return value.trim() !== "";
  if (typeof value !== "object" || value === null) return false;
  const { nodeId, metric, classId } = value as Record<string, unknown>;
  return (
    typeof nodeId === "string" && typeof metric === "string" && (classId === undefined || typeof classId === "string")
  );
}
