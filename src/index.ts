/** The public names: the client, the words on the wire, and the validation of models. */
export { EngineClient } from "./client/client.ts";
export { ClientError } from "./client/client-error.ts";
export { findEngine } from "./client/discover.ts";
export type { Diagnostic, SourceSpan } from "./model/diagnostics.ts";
export type { Model } from "./model/model.ts";
export { parseModel } from "./model/parse.ts";
export type { Cursor } from "./protocol/cursor.ts";
export { formatCursor, parseCursor } from "./protocol/cursor.ts";
export type * from "./protocol/frame.ts";
export type { Problem, ProblemCode } from "./protocol/problem.ts";
export type * from "./protocol/run.ts";
export type * from "./protocol/run-event.ts";
export { SCHEMA_VERSION } from "./protocol/version.ts";
