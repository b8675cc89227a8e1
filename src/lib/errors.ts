/** Facts of an error, for machines: which value, which limit, which line. Plain JSON values only. */
export type Facts = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface FlowErrorOptions {
  readonly facts?: Facts;
  readonly cause?: unknown;
  /** Whether the same call may succeed later without any change. Default false. */
  readonly retryable?: boolean;
}

/**
 * Base of every error this project throws for a reason a caller can act on.
 * `code` is stable and documented; `message` says what happened, with which value, and what to do.
 */
export class FlowError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly facts: Facts;
  readonly retryable: boolean;

  constructor(code: Code, message: string, options: FlowErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = options.facts ?? {};
    this.retryable = options.retryable ?? false;
  }
}
