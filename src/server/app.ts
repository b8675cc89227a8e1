import Fastify, { type FastifyInstance, type FastifyReply, type HTTPMethods } from "fastify";
import { DEFAULT_BATCH_BYTES } from "../ingest/gateway.ts";
import { FlowError } from "../lib/errors.ts";
import type { EngineParts } from "./parts.ts";
import { problemOf } from "./problems.ts";
import { registerBinRoutes } from "./routes/bins.ts";
import { registerCaptureRoute } from "./routes/capture.ts";
import { registerEngineRoutes } from "./routes/engine.ts";
import { registerExplainRoute } from "./routes/explain.ts";
import { registerFrameRoutes } from "./routes/frames.ts";
import { registerModelRoutes } from "./routes/model.ts";
import { registerRunRoutes } from "./routes/runs.ts";
import { registerStreamRoute } from "./routes/stream.ts";

/** Models are text of at most some megabytes; a batch has its own limit. */
const BODY_BYTES = DEFAULT_BATCH_BYTES;

/** Longest part of a path that is looked at: a run id has at most 204 characters. */
const MAX_PARAM_CHARS = 256;
/** A request with all of its body; the gateway is stricter with the frames. Nothing else takes longer to arrive. */
const REQUEST_TIMEOUT_MS = 60_000;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const satisfies readonly HTTPMethods[];

/** The HTTP API over given parts. Does not listen. */
export function buildApp(parts: EngineParts): FastifyInstance {
  const answerProblem = (error: unknown, reply: FastifyReply): FastifyReply => {
    const { status, body, retryAfterSeconds } = problemOf(error);
    if (body.code === "internal") parts.onProblem("http", error);
    // What is left of a body that was too slow is not waited for.
    if (status === 408) reply.header("connection", "close");
    if (retryAfterSeconds !== null) reply.header("retry-after", String(retryAfterSeconds));
    return reply.status(status).send(body);
  };
  const app = Fastify({
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // With an open event stream `close` would otherwise wait for ever.
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, caseSensitive: false, maxParamLength: MAX_PARAM_CHARS },
    frameworkErrors: (error, _request, reply) => answerProblem(error, reply),
  });
  // Bodies are JSON or frames; text of another kind is refused as such.
  app.removeContentTypeParser("text/plain");
  app.setErrorHandler((error, _request, reply) => answerProblem(error, reply));
  app.setNotFoundHandler((request) => {
    throw new FlowError("not_found", `There is no ${request.method} ${request.url.split("?")[0]}.`);
  });
  const known = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    known.set(url, methods);
  });
  registerEngineRoutes(app, parts);
  registerRunRoutes(app, parts);
  registerModelRoutes(app, parts);
  registerBinRoutes(app, parts);
  registerFrameRoutes(app, parts);
  registerCaptureRoute(app, parts);
  registerStreamRoute(app, parts);
  registerExplainRoute(app, parts);
  app.after(() => {
    for (const [url, methods] of [...known]) refuseOtherMethods(app, url, [...methods]);
  });
  return app;
}

/** A path that exists answers the methods it does not have with 405 and those it has. */
function refuseOtherMethods(app: FastifyInstance, url: string, allowed: readonly string[]): void {
  const refused = METHODS.filter((method) => !allowed.includes(method));
  if (refused.length === 0) return;
  app.route({
    method: refused,
    url,
    // Before the body is read: whatever it is, it is not looked at.
    onRequest: (request, reply, done) => {
      reply.header("allow", allowed.join(", "));
      done(new FlowError("method_not_allowed", `${url} takes ${allowed.join(", ")}, not ${request.method}.`));
    },
    handler: () => {},
  });
}
