import type { FastifyInstance } from "fastify";
import type { StreamFilter } from "../../hub/filter.ts";
import { serveSse } from "../../hub/sse.ts";
import { fold } from "../../lib/fold.ts";
import { type EngineParts, findRun } from "../parts.ts";

interface StreamQuery {
  readonly lastEventId?: string;
  readonly last_event_id?: string;
  readonly from?: string;
  readonly nodes?: string;
  readonly classes?: string;
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
  const nodes = idsOf(query.nodes);
  const classes = idsOf(query.classes)?.map(fold) ?? null;
  const onlyWarnings = query.warnings === "only";
  if (nodes === null && classes === null && !onlyWarnings) return null;
  return { nodes: nodes && new Set(nodes), classes: classes && new Set(classes), onlyWarnings };
}

/** Ids of a list with commas; null when it names none. */
function idsOf(list: string | undefined): readonly string[] | null {
  const ids = (list ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
  return ids.length === 0 ? null : ids;
}
