import { FlowError } from "../lib/errors.ts";
import {
  type DecodedLine,
  encodeFrame,
  type FrameError,
  type IngestAnswer,
  MAX_REPORTED_ERRORS,
} from "../protocol/frame.ts";
import type { ProducerStamp } from "../protocol/producer.ts";
import type { IngestCounters } from "../protocol/run.ts";
import type { Change } from "./change.ts";
import type { LiveRun } from "./live-run.ts";
import type { Producers } from "./producers.ts";

/**
 * Lines decided about and written at once: some ten milliseconds of work, so that others get their turn. One batch alone
 * may be larger.
 */
const MAX_GROUP_LINES = 10_000;

export interface SubmitOptions {
  /** One bad line refuses the whole batch. Default false. */
  readonly atomic?: boolean;
  /** The producer's own count of its batches. Default: none, so only cells are de-duplicated. */
  readonly stamp?: ProducerStamp | undefined;
}

/** A batch that was refused whole: nothing of it was applied. */
export class BatchRefused extends FlowError<"batch_refused"> {
  readonly errors: readonly FrameError[];
  constructor(errors: readonly FrameError[]) {
    super(
      "batch_refused",
      `The batch was refused whole: ${errors.length} bad line(s) and atomic=true; nothing was applied.`,
    );
    this.errors = errors;
  }
}

/** A decision of the engine's own, taken in its turn. */
interface Deciding {
  /** What is to be written; throws when it cannot be. */
  readonly decide: () => readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting {
  readonly lines: readonly DecodedLine[];
  readonly options: SubmitOptions;
  readonly resolve: (answer: IngestAnswer) => void;
  readonly reject: (error: unknown) => void;
}

type Counts = { -readonly [Name in keyof IngestCounters]: number };

/** What became of one batch of a group. `counts` go to the run's counters once the log has the group. */
interface Decision {
  readonly waiting: Waiting;
  readonly counts: Counts;
  readonly outcome: { readonly answer: IngestAnswer } | { readonly error: unknown };
}

export interface GroupCommitParts {
  readonly run: LiveRun;
  readonly producers: Producers;
  readonly isDurable: boolean;
  readonly counters: Counts;
  /** Runs one change of the run: decided, written, then applied; or without a trace. */
  readonly change: <T>(decide: () => Change<T>) => Promise<T>;
  /** Waits while too many sealed bins wait for evaluation; null when there is room. */
  readonly room: () => Promise<void> | null;
  readonly onCommitted: () => void;
}

/**
 * Group commit: batches that come while the log is being written wait and go into its next write together. The first one
 * waits for nobody, so no batch is held up longer than one write and the work of its own group.
 */
export class GroupCommit {
  readonly #parts: GroupCommitParts;
  #waiting: (Waiting | Deciding)[] = [];
  #isWorking = false;
  #working: Promise<void> = Promise.resolve();

  constructor(parts: GroupCommitParts) {
    this.#parts = parts;
  }

  /**
   * Takes a batch: decides, makes it durable, answers.
   * @throws BatchRefused when `atomic` and a line is bad
   * @throws ProducerError
   * @throws LogError when it cannot be made durable: nothing of the batch was applied
   */
  submit(lines: readonly DecodedLine[], options: SubmitOptions): Promise<IngestAnswer> {
    return new Promise((resolve, reject) => this.#enter({ lines, options, resolve, reject }));
  }

  /**
   * Has the engine decide something itself, in order with the batches: what it decides about is as durable, and as far
   * evaluated, as for a batch.
   * @param decide called within a change; gives the records of what it did to the run
   * @throws LogError when it cannot be made durable: nothing of it was applied
   */
  decide(decide: () => readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => this.#enter({ decide, resolve, reject }));
  }

  #enter(waiting: Waiting | Deciding): void {
    this.#waiting.push(waiting);
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#working = this.#work();
  }

  /** Resolves when every batch that came has its answer. */
  async idle(): Promise<void> {
    while (this.#isWorking) await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      for (let wait = this.#parts.room(); wait !== null; wait = this.#parts.room()) await wait;
      const [next] = this.#waiting;
      if (next !== undefined && "decide" in next) {
        this.#waiting = this.#waiting.slice(1);
        await this.#commitDecision(next);
      } else {
        await this.#commit(this.#takeGroup());
      }
    }
    // In the very turn that finds nothing left: what comes a moment later needs work of its own.
    this.#isWorking = false;
  }

  /** An atomic batch is a group of its own: undoing it undoes nothing else. */
  #takeGroup(): readonly Waiting[] {
    const group: Waiting[] = [];
    let lines = 0;
    for (const waiting of this.#waiting) {
      if ("decide" in waiting) break;
      const { options, lines: more } = waiting;
      if (group.length > 0 && (options.atomic === true || lines + more.length > MAX_GROUP_LINES)) break;
      group.push(waiting);
      lines += more.length;
      if (options.atomic === true) break;
    }
    this.#waiting = this.#waiting.slice(group.length);
    return group;
  }

  async #commitDecision({ decide, resolve, reject }: Deciding): Promise<void> {
    try {
      await this.#parts.change(() => ({ records: decide(), outcome: null }));
    } catch (error) {
      reject(error);
      return;
    }
    resolve();
    this.#parts.onCommitted();
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const { change, counters, producers, onCommitted } = this.#parts;
    try {
      const decisions = await change(() => {
        const records: string[] = [];
        const decided = group.map((waiting) => this.#decide(waiting, records));
        return { records, producers: producers.staged(), outcome: decided };
      });
      for (const { waiting, counts, outcome } of decisions) {
        for (const name of ["accepted", "duplicates", "late", "rejected"] as const) counters[name] += counts[name];
        if ("answer" in outcome) waiting.resolve(outcome.answer);
        else waiting.reject(outcome.error);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    onCommitted();
  }

  /** @param records gets what belongs into the log */
  #decide(waiting: Waiting, records: string[]): Decision {
    const { lines, options } = waiting;
    const { stamp } = options;
    const nothing = { accepted: 0, duplicates: 0, late: 0, rejected: 0 };
    if (stamp !== undefined) {
      try {
        const verdict = this.#parts.producers.decide(stamp);
        if (verdict.kind === "repeat") {
          const answer = this.#repeated(verdict.answer, lines.length);
          return { waiting, counts: { ...nothing, duplicates: answer.duplicates }, outcome: { answer } };
        }
      } catch (error) {
        return { waiting, counts: nothing, outcome: { error } };
      }
    }
    const answer = this.#admit(lines, records);
    const { accepted, duplicates, late, rejected } = answer;
    // It is a group of its own, so the change that is given up is this batch and no other.
    if (options.atomic === true && late + rejected > 0) throw new BatchRefused(answer.errors);
    if (stamp !== undefined) this.#parts.producers.stage(stamp, answer);
    return { waiting, counts: { accepted, duplicates, late, rejected }, outcome: { answer } };
  }

  #admit(lines: readonly DecodedLine[], records: string[]): IngestAnswer {
    const { run } = this.#parts;
    const counts: Counts = { accepted: 0, duplicates: 0, late: 0, rejected: 0 };
    const errors: FrameError[] = [];
    const report = (error: FrameError): void => {
      if (errors.length < MAX_REPORTED_ERRORS) errors.push(error);
    };
    for (const entry of lines) {
      if ("error" in entry) {
        counts.rejected++;
        report(entry.error);
        continue;
      }
      const verdict = run.admit(entry.frame);
      if (verdict.kind === "accepted") counts.accepted++;
      else if (verdict.kind === "duplicate") counts.duplicates++;
      else {
        counts[verdict.kind]++;
        report({ line: entry.line, code: verdict.code, message: verdict.message });
      }
      if (verdict.kind === "accepted" || verdict.kind === "late") records.push(entry.text ?? encodeFrame(entry.frame));
    }
    return { ...counts, errors, ...this.#standing() };
  }

  /** A batch that was decided before: what was taken is known by now, what was not is told again. */
  #repeated(before: IngestAnswer | null, lines: number): IngestAnswer {
    const standing = this.#standing();
    if (before === null) return { accepted: 0, duplicates: lines, late: 0, rejected: 0, errors: [], ...standing };
    const { accepted, duplicates, late, rejected, errors } = before;
    return { accepted: 0, duplicates: accepted + duplicates, late, rejected, errors, ...standing };
  }

  #standing(): Pick<IngestAnswer, "sealedBin" | "openBins" | "durable"> {
    const { run, isDurable } = this.#parts;
    return { sealedBin: run.sealedBin, openBins: run.openBins, durable: isDurable };
  }
}
