import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { formatOf } from "../../ingest/body-format.ts";
import type { BatchOptions } from "../../ingest/gateway.ts";
import { FlowError } from "../../lib/errors.ts";
import type { Problem } from "../../protocol/problem.ts";
import { MAX_PRODUCER_ID_CHARS, PRODUCER_HEADERS } from "../../protocol/producer.ts";
import { type EngineParts, findOpenRun } from "../parts.ts";

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

/** `POST /v1/runs/{id}/frames`: NDJSON, JSON or CSV, plain or compressed, read as it comes. */
export function registerFrameRoutes(app: FastifyInstance, parts: EngineParts): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, body, done) => done(null, body));
    scope.post<{ Params: { runId: string }; Querystring: { atomic?: string } }>(
      "/v1/runs/:runId/frames",
      async (request, reply) => {
        const loop = findOpenRun(parts, request.params.runId);
        const { atomic } = request.query;
        const { headers } = request;
        const producer = producerOf(request);
        const options: BatchOptions = {
          format: formatOf(headers["content-type"]),
          atomic: atomic === "true",
          encoding: headers["content-encoding"],
          length: headers["content-length"] === undefined ? undefined : Number(headers["content-length"]),
          producer,
        };
        const body = request.body instanceof Readable ? request.body : Readable.from([]);
        const { status, answer } = await parts.gateway.ingest(loop, body, options);
        if (producer !== undefined) {
          reply.headers({ [PRODUCER_HEADERS.epoch]: producer.epoch, [PRODUCER_HEADERS.seq]: producer.seq });
        }
        return reply.status(status).send(status === 200 ? answer : { ...REFUSALS[status], ...answer });
      },
    );
  });
}

/** @throws FlowError `bad_request` */
function producerOf({ headers }: FastifyRequest): BatchOptions["producer"] {
  const [id, epoch, seq] = [PRODUCER_HEADERS.id, PRODUCER_HEADERS.epoch, PRODUCER_HEADERS.seq].map((name) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join() : value;
  });
  if (id === undefined && epoch === undefined && seq === undefined) return undefined;
  if (id === undefined || epoch === undefined || seq === undefined) {
    throw new FlowError("bad_request", "Producer-Id, Producer-Epoch and Producer-Seq go together: send all or none.");
  }
  if (id.trim() === "" || id.length > MAX_PRODUCER_ID_CHARS) {
    throw new FlowError("bad_request", `Producer-Id must have 1 to ${MAX_PRODUCER_ID_CHARS} characters.`);
  }
  return { id: id.trim(), epoch: countOf("Producer-Epoch", epoch), seq: countOf("Producer-Seq", seq) };
}

function countOf(name: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text.trim()) && Number.isSafeInteger(value)) return value;
  throw new FlowError("bad_request", `${name} must be a whole number from 0, not '${text.slice(0, 40)}'.`);
}
