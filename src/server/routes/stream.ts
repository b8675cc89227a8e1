import type { FastifyInstance } from "fastify";
import type { StreamFilter } from "../../hub/filter.ts";
import { serveSse } from "../../hub/sse.ts";
import { type EngineParts, findRun } from "../parts.ts";

interface StreamQuery {
  readonly lastEventId?: string;
  readonly last_event_id?: string;
  readonly from?: string;
  readonly nodes?: string;
  readonly warnings?: string;
}

/** `GET /v1/runs/{id}/stream`: Server-Sent Events, resumable by `Last-Event-ID` or `?lastEventId=`. */
export function registerStreamRoute(app: FastifyInstance, parts: EngineParts): void {
  const path = "/v1/runs/:runId/stream";
  // A stream has no head of its own to look at, and a hijacked answer would send its body all the same.
  app.get<{ Params: { runId: string }; Querystring: StreamQuery }>(
    path,
    { exposeHeadRoute: false },
    (request, reply) => {
      const loop = findRun(parts, request.params.runId);
      const { query } = request;
      const header = request.headers["last-event-id"];
      reply.hijack();
      serveSse(reply.raw, loop.topic, {
        lastEventId: (Array.isArray(header) ? header[0] : header) ?? query.lastEventId ?? query.last_event_id ?? null,
        ...(query.from === "now" ? { from: "now" as const } : {}),
        filter: filterOf(query),
      });
    },
  );
}

function filterOf(query: StreamQuery): StreamFilter | null {
  const nodes = (query.nodes ?? "").split(",").filter((id) => id.trim() !== "");
  const warningsOnly = query.warnings === "only";
  if (nodes.length === 0 && !warningsOnly) return null;
  return { nodes: nodes.length === 0 ? null : new Set(nodes.map((id) => id.trim())), onlyWarnings: warningsOnly };
}
