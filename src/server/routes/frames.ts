import type { FastifyInstance } from "fastify";
import { FlowError } from "../../lib/errors.ts";
import type { Problem } from "../../protocol/problem.ts";
import { type EngineParts, findOpenRun } from "../parts.ts";

const MEDIA_TYPES = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/** A batch of which nothing could be taken is an error answer as well as an account by line. */
const REFUSALS: Readonly<Record<400 | 409, Problem>> = {
  400: {
    error: "No line of the batch is a frame; nothing was applied. Sending it again cannot help.",
    code: "malformed_batch",
  },
  409: {
    error: "Every cell of the batch has another value already; nothing was applied. A higher revision replaces one.",
    code: "conflict",
  },
};

/** `POST /v1/runs/{id}/frames`: NDJSON, plain or gzip. */
export function registerFrameRoutes(app: FastifyInstance, parts: EngineParts): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // A single frame is also one line of NDJSON, so JSON is taken as such.
    scope.addContentTypeParser([...MEDIA_TYPES, "application/json"], { parseAs: "buffer" }, (_request, body, done) => {
      done(null, body);
    });
    scope.post<{ Params: { runId: string }; Querystring: { atomic?: string } }>(
      "/v1/runs/:runId/frames",
      async (request, reply) => {
        const loop = findOpenRun(parts, request.params.runId);
        if (!Buffer.isBuffer(request.body)) {
          throw new FlowError("unsupported_media_type", `Send frames as ${MEDIA_TYPES[0]}, one JSON object a line.`);
        }
        const { status, answer } = await parts.gateway.ingest(loop, request.body, {
          atomic: request.query.atomic === "true",
          encoding: request.headers["content-encoding"],
        });
        return reply.status(status).send(status === 200 ? answer : { ...REFUSALS[status], ...answer });
      },
    );
  });
}
