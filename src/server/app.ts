import Fastify, { type FastifyInstance } from "fastify";
import { DEFAULT_BATCH_BYTES } from "../ingest/gateway.ts";
import { FlowError } from "../lib/errors.ts";
import type { EngineParts } from "./parts.ts";
import { problemOf } from "./problems.ts";
import { registerEngineRoutes } from "./routes/engine.ts";
import { registerFrameRoutes } from "./routes/frames.ts";
import { registerRunRoutes } from "./routes/runs.ts";
import { registerStreamRoute } from "./routes/stream.ts";

/** Models are text of at most some megabytes; a batch has its own limit. */
const BODY_BYTES = DEFAULT_BATCH_BYTES;

/** The HTTP API over given parts. Does not listen. */
export function buildApp(parts: EngineParts): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_BYTES,
    // With an open event stream `close` would otherwise wait for ever.
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, caseSensitive: false },
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, body, retryAfterSeconds } = problemOf(error);
    if (body.code === "internal") parts.onProblem("http", error);
    if (retryAfterSeconds !== null) reply.header("retry-after", String(retryAfterSeconds));
    return reply.status(status).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new FlowError("not_found", `There is no ${request.method} ${request.url.split("?")[0]}.`);
  });
  registerEngineRoutes(app, parts);
  registerRunRoutes(app, parts);
  registerFrameRoutes(app, parts);
  registerStreamRoute(app, parts);
  return app;
}
