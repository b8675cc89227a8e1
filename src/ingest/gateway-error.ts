import { FlowError, type FlowErrorOptions } from "../lib/errors.ts";

export type GatewayErrorCode =
  | "queue_full"
  | "body_too_large"
  | "body_timeout"
  | "unsupported_media_type"
  | "malformed_batch"
  | "bad_request"
  /** Nobody is there any more to read the answer. */
  | "connection_lost";

/** A batch that did not get as far as its run: nothing of it was applied. */
export class GatewayError extends FlowError<GatewayErrorCode> {
  /** What a producer is told to wait, where waiting helps. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: GatewayErrorCode,
    message: string,
    options: FlowErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(code, message, options);
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
