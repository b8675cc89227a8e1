import type { FastifyInstance } from "fastify";
import { FlowError } from "../../lib/errors.ts";
import type { AdjustFrame } from "../../protocol/frame.ts";
import { type EngineParts, findOpenRun } from "../parts.ts";

/** `PATCH /v1/runs/{id}/model`: other values from a bin on. */
export function registerModelRoutes(app: FastifyInstance, parts: EngineParts): void {
  app.patch<{ Params: { runId: string } }>("/v1/runs/:runId/model", async (request) => {
    const loop = findOpenRun(parts, request.params.runId);
    return loop.adjust(parseAdjustment(request.body));
  });
}

/** @throws FlowError `bad_request` naming the field and what it may be */
function parseAdjustment(body: unknown): AdjustFrame {
  const refuse = (text: string): never => {
    throw new FlowError("bad_request", text);
  };
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return refuse("The body must be a JSON object.");
  }
  const { fromBin, set } = body as Record<string, unknown>;
  if (fromBin !== undefined && !(Number.isSafeInteger(fromBin) && (fromBin as number) >= 0)) {
    return refuse("fromBin must be a whole number from 0.");
  }
  const isSet =
    typeof set === "object" &&
    set !== null &&
    !Array.isArray(set) &&
    Object.keys(set).length > 0 &&
    Object.values(set).every((value) => typeof value === "number" && Number.isFinite(value));
  if (!isSet) return refuse("set must be an object of finite numbers by the name of what they change.");
  return {
    type: "adjust",
    ...(fromBin === undefined ? {} : { fromBin: fromBin as number }),
    set: set as Record<string, number>,
  };
}
