import { setImmediate as nextTurn } from "node:timers/promises";
import type { RunTopic } from "../hub/hub.ts";
import type { Clock } from "../lib/clock.ts";
import { FlowError } from "../lib/errors.ts";
import { LogError } from "../log/log-error.ts";
import type { ChainMark, TelemetryLog } from "../log/telemetry-log.ts";
import { inputName } from "../model/plan.ts";
import type { AdjustFrame, DecodedLine, Frame, FrameErrorCode, IngestAnswer } from "../protocol/frame.ts";
import type { ProblemCode } from "../protocol/problem.ts";
import type { Adjustment, IngestCounters, RunState, SnapshotReference } from "../protocol/run.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";
import type { Change } from "./change.ts";
import type { ControlRecord } from "./control-record.ts";
import { GroupCommit, type SubmitOptions } from "./group-commit.ts";
import type { LiveRun } from "./live-run.ts";
import { Producers } from "./producers.ts";
import type { SnapshotRequest } from "./run-image.ts";
import { SealTimers } from "./seal-timers.ts";

/** Operators evaluated before other work gets its turn: some milliseconds. */
const OPERATORS_PER_TURN = 500_000;
/** Sealed bins that may wait for evaluation before a producer waits for them: bounds memory and what a crash replays. */
export const MAX_BACKLOG_BINS = 256;

/** Where snapshots go. What a request holds does not change any more, so writing may take its time. */
export interface SnapshotSink {
  write(request: SnapshotRequest): Promise<SnapshotReference>;
  /** Nothing happens when it is not there. */
  remove(reference: SnapshotReference): Promise<void>;
  /** Puts right what a crash left. */
  sweep(): Promise<void>;
  /** No snapshot of the run follows. */
  forget(runId: string): Promise<void>;
  close(): Promise<void>;
}

/** Problems that an adjustment's refusal stands for; any other is `bad_adjustment`. */
const PROBLEM_OF_REFUSAL: Readonly<Partial<Record<FrameErrorCode, ProblemCode>>> = {
  too_late: "too_late",
  run_ended: "run_not_live",
};

/** What stands in the log besides frames. */
interface CheckpointRecord extends SnapshotReference {
  readonly type: "checkpoint";
  /** Chained hash of what it holds. Absent in older logs. */
  readonly hash?: string;
}
type LogRecord = Frame | CheckpointRecord | ControlRecord;

/** What readers are told beside what is evaluated. */
export interface Standing {
  readonly state: RunState;
  readonly openBins: number;
  readonly newestBin: number;
}

/**
 * The single writer of a run: decides about a batch, appends it to the log, evaluates what it sealed, publishes, and has
 * snapshots written. Order of truth: a batch is durable before anything of it is evaluated, evaluated before it is
 * published. A failing snapshot is told and counted; it never holds the run up.
 */
export class RunLoop {
  readonly run: LiveRun;
  readonly topic: RunTopic;
  readonly counters: { -readonly [Name in keyof IngestCounters]: number } = {
    accepted: 0,
    duplicates: 0,
    late: 0,
    rejected: 0,
  };
  private readonly log: TelemetryLog;
  private readonly snapshots: SnapshotSink;
  private readonly clock: Clock;
  private readonly onProblem: (error: unknown) => void;
  private readonly producers: Producers;
  private readonly intake: GroupCommit;
  private readonly timers: SealTimers | null;
  private changing: Promise<void> | null = null;
  /** How the run stood before the change that is being written. */
  private before: Standing | null = null;
  private pumping: Promise<void> | null = null;
  private writing: Promise<SnapshotReference> | null = null;
  private recovering = false;
  private failureText: string | null = null;
  private sealedAtMs: number | null = null;
  private finished = false;
  private finishing: Promise<void> = Promise.resolve();
  private isSnapshotOverdue = false;

  constructor(parts: {
    readonly run: LiveRun;
    readonly log: TelemetryLog;
    readonly isDurable: boolean;
    readonly topic: RunTopic;
    readonly snapshots: SnapshotSink;
    readonly clock: Clock;
    readonly onProblem: (error: unknown) => void;
  }) {
    this.run = parts.run;
    this.log = parts.log;
    this.topic = parts.topic;
    this.snapshots = parts.snapshots;
    this.clock = parts.clock;
    this.onProblem = parts.onProblem;
    this.producers = new Producers(parts.log.producers());
    this.intake = new GroupCommit({
      run: parts.run,
      producers: this.producers,
      isDurable: parts.isDurable,
      counters: this.counters,
      change: (decide) => this.change(decide),
      room: () => (this.isFull() ? this.pump() : null),
      onCommitted: () => {
        this.timers?.observe();
        void this.pump();
      },
    });
    const { sealAfterMs = null, idleAfterMs = null } = parts.run.definition;
    this.timers =
      sealAfterMs === null && idleAfterMs === null
        ? null
        : new SealTimers({
            sealAfterMs,
            idleAfterMs,
            inputs: parts.run.plan.bound.map(inputName),
            state: parts.run.sealState,
            clock: parts.clock,
            onDue: () => this.sealWhatIsDue(),
          });
  }

  /**
   * Whether evaluation must go on before anything else is decided. Where bins can be corrected it always must: what
   * corrects a bin finds it evaluated, and what comes after finds that done, as it is when the log is replayed.
   */
  private isFull(): boolean {
    if (this.failureText !== null) return false;
    const isRevisable = this.run.definition.latePolicy === "revise";
    return this.run.backlogBins > MAX_BACKLOG_BINS || (isRevisable && !this.run.isSettled);
  }

  get state(): RunState {
    if (this.failureText !== null) return "failed";
    return this.recovering ? "recovering" : this.standing.state;
  }

  /** The run as far as it is durable. */
  get standing(): Standing {
    return this.before ?? standingOf(this.run);
  }

  get failure(): string | null {
    return this.failureText;
  }

  /** Milliseconds since a bin was last evaluated; null before the first. */
  get lagMs(): number | null {
    return this.sealedAtMs === null ? null : Math.max(0, this.clock.now() - this.sealedAtMs);
  }

  /**
   * Folds the log so far into the run, comparing the chain recorded with every batch; a difference fails the run with
   * both values. Then goes on with whatever was interrupted.
   */
  async recover(): Promise<void> {
    this.recovering = true;
    try {
      for await (const { records, mark, first } of this.log.readFrom(0)) {
        this.evaluateAll();
        const replayed = mark.sealedBin <= this.run.evaluatedBin ? this.run.hash(mark.sealedBin) : "none";
        if (replayed !== mark.hash) {
          throw new FlowError(
            "replay_mismatch",
            `Replay up to record ${first} gives hash ${replayed} at bin ${mark.sealedBin} ` +
              `where the log says ${mark.hash}. The run is stopped; its log is unchanged.`,
          );
        }
        this.run.begin();
        for (const record of records) this.replay(JSON.parse(record) as LogRecord);
        this.run.commit();
      }
    } catch (error) {
      this.fail(error);
      return;
    } finally {
      this.recovering = false;
    }
    this.timers?.observe();
    this.pump();
  }

  /** Starts what needs no telemetry: a simulation, or the rest of an interrupted one. */
  start(): void {
    this.pump();
  }

  /**
   * Takes a batch: decides, makes it durable, answers. Waits while too many sealed bins wait for evaluation.
   * @throws BatchRefused when `atomic` and a line is bad
   * @throws ProducerError
   * @throws FlowError `not_ready` while the log is replayed, `run_failed`
   * @throws LogError when it cannot be made durable: nothing of the batch was applied
   */
  async submit(lines: readonly DecodedLine[], options: SubmitOptions = {}): Promise<IngestAnswer> {
    this.refuseIfUnready();
    return this.intake.submit(lines, options);
  }

  /**
   * Changes the model of the run from a bin on (default: the oldest that is not sealed).
   * @throws FlowError `bad_adjustment`, `too_late`, `run_not_live`; nothing of it is applied
   */
  async adjust(frame: AdjustFrame): Promise<Adjustment> {
    const answer = await this.submit([{ line: 1, frame }]);
    const [error] = answer.errors;
    if (error !== undefined) throw new FlowError(PROBLEM_OF_REFUSAL[error.code] ?? "bad_adjustment", error.message);
    const { fromBin = answer.sealedBin + 1, set } = frame;
    return { fromBin, set };
  }

  /**
   * Ends the run where it stands: open bins are given up, what is sealed is evaluated and written. Doing it again changes nothing.
   * @throws FlowError `run_not_live` when it has ended otherwise
   * @throws LogError when it cannot be made durable: the run goes on
   */
  async abort(): Promise<void> {
    this.refuseIfUnready();
    await this.intake.decide(() => {
      const record: ControlRecord = { type: "abort" };
      const verdict = this.run.admit(record);
      if (verdict.kind === "duplicate") return [];
      if (verdict.kind === "accepted") return [JSON.stringify(record)];
      throw new FlowError("run_not_live", "The run has ended; there is nothing to abort.");
    });
    await this.settled();
    await this.finishing;
  }

  /**
   * Writes a snapshot of all bins evaluated so far; the newest one serves when no bin has been sealed since.
   * @throws FlowError `nothing_sealed` before the first bin
   */
  async checkpoint(): Promise<SnapshotReference & { readonly seq: number }> {
    this.refuseIfUnready();
    await this.settled();
    this.refuseIfUnready();
    if (this.run.evaluatedBin < 0) {
      throw new FlowError(
        "nothing_sealed",
        "No bin is sealed yet, so there is nothing to write. Send telemetry first.",
      );
    }
    if (!this.run.isWritten) await this.writeSnapshot();
    return this.run.checkpoint!;
  }

  /** Resolves when every sealed bin has been evaluated and the snapshot being written, if any, is there. */
  async settled(): Promise<void> {
    await this.intake.idle();
    while (this.pumping !== null) await this.pumping;
    if (this.writing !== null) await this.writing.catch(() => {});
  }

  private async sealWhatIsDue(): Promise<void> {
    if (this.failureText !== null) return;
    try {
      await this.intake.decide(() => {
        const records: string[] = [];
        for (let record = this.timers!.due(); record !== null; record = this.timers!.due()) {
          if (this.run.admit(record).kind !== "accepted") break;
          records.push(JSON.stringify(record));
        }
        return records;
      });
    } catch (error) {
      this.onProblem(error);
      throw error;
    }
  }

  /** Stops taking part: what is sealed is evaluated, subscribers are told, the log is given free. */
  async close(): Promise<void> {
    this.timers?.stop();
    await this.settled();
    this.topic.end({ code: "draining" });
    await this.log.close();
  }

  /**
   * Makes one change of the run: decided, written to the log, then applied; or, when it cannot be written, without a trace.
   * One at a time, and nothing is evaluated meanwhile: between `begin` and `commit` the run holds what is not durable.
   */
  private async change<T>(decide: () => Change<T>): Promise<T> {
    while (this.changing !== null) await this.changing;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.changing = promise;
    try {
      this.refuseIfUnready();
      return await this.decideAndWrite(decide);
    } finally {
      this.changing = null;
      resolve();
    }
  }

  private async decideAndWrite<T>(decide: () => Change<T>): Promise<T> {
    const mark = this.mark();
    this.before = standingOf(this.run);
    this.run.begin();
    try {
      const { records, producers = [], outcome, applied } = decide();
      if (records.length + producers.length > 0) await this.log.append(records, mark, producers);
      this.run.commit();
      this.before = null;
      this.producers.commit();
      applied?.();
      return outcome;
    } catch (error) {
      this.run.rollback();
      this.before = null;
      this.producers.rollback();
      if (error instanceof LogError && !error.retryable) this.fail(error);
      throw error;
    }
  }

  /** Head of the chain as far as it is evaluated: what a replay must come to as well. */
  private mark(): ChainMark {
    return { sealedBin: this.run.evaluatedBin, hash: this.run.hash() };
  }

  private replay(record: LogRecord): void {
    if (record.type === "checkpoint") {
      this.evaluateAll();
      this.topic.publish(this.run.recordCheckpoint(record));
    } else {
      this.run.admit(record);
    }
  }

  private evaluateAll(): void {
    while (this.evaluateOne() !== null) {}
  }

  private evaluateOne(): NumberedEvent | null {
    const event = this.run.evaluateNext();
    if (event === null) return null;
    this.sealedAtMs = this.clock.now();
    this.topic.publish(event);
    return event;
  }

  /** Evaluates in turns, so that other work is not kept waiting; one pump at a time. */
  private pump(): Promise<void> {
    if (this.pumping !== null) return this.pumping;
    // Set before the first bin: what a bin sets off may ask for the pump again.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.pumping = promise;
    void this.pumpTurns(() => {
      this.pumping = null;
      resolve();
    });
    return promise;
  }

  /** @param over called in the very turn that finds nothing left: what is sealed a moment later needs a new pump */
  private async pumpTurns(over: () => void): Promise<void> {
    const binsPerTurn = Math.max(1, Math.floor(OPERATORS_PER_TURN / Math.max(1, this.run.plan.operators.length)));
    try {
      for (;;) {
        while (this.changing !== null) await this.changing;
        for (let bin = 0; bin < binsPerTurn; bin++) {
          const event = this.evaluateOne();
          if (event === null) {
            this.finishIfDone();
            return;
          }
          if (event.event === "bin" && this.isCheckpointDue()) this.writeDueSnapshot();
        }
        await nextTurn();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      over();
    }
  }

  private isCheckpointDue(): boolean {
    const { checkpointEvery } = this.run.definition;
    return checkpointEvery !== null && (this.run.evaluatedBin + 1) % checkpointEvery === 0;
  }

  /** When the disk is slower than the bins, what fell due meanwhile becomes one snapshot of the then newest bin. */
  private writeDueSnapshot(): void {
    if (this.writing !== null) {
      this.isSnapshotOverdue = true;
      return;
    }
    const written = this.writeSnapshot().catch(this.onProblem);
    void written.then(() => {
      if (!this.isSnapshotOverdue || this.finished) return;
      this.isSnapshotOverdue = false;
      this.writeDueSnapshot();
    });
  }

  private finishIfDone(): void {
    const { state } = this.run;
    if (this.finished || (state !== "completed" && state !== "aborted")) return;
    this.finished = true;
    this.timers?.stop();
    this.finishing = this.finish(state);
  }

  private async finish(code: "completed" | "aborted"): Promise<void> {
    if (this.writing !== null) await this.writing.catch(() => {});
    if (!this.run.isWritten && this.run.evaluatedBin >= 0) await this.writeSnapshot().catch(this.onProblem);
    await this.snapshots.forget(this.run.definition.runId).catch(this.onProblem);
    this.topic.end({ code });
  }

  /** One snapshot at a time. */
  private writeSnapshot(): Promise<SnapshotReference> {
    this.writing ??= this.writeAndRecord().finally(() => {
      this.writing = null;
    });
    return this.writing;
  }

  private async writeAndRecord(): Promise<SnapshotReference> {
    while (this.run.isRevising) await this.pump();
    const request = this.run.snapshotRequest();
    const reference = await this.snapshots.write(request);
    const record: CheckpointRecord = { type: "checkpoint", ...reference, hash: request.hash };
    for (let isNoted = false; !isNoted; ) {
      while (!this.run.isSettled) await this.pump();
      // A batch may have come between the two, and sealed bins that count before the checkpoint.
      isNoted = await this.change(() =>
        !this.run.isSettled
          ? { records: [], outcome: false }
          : {
              records: [JSON.stringify(record)],
              outcome: true,
              applied: () => this.topic.publish(this.run.recordCheckpoint(record)),
            },
      );
    }
    await this.prune();
    return reference;
  }

  /** Removes all snapshots of this run but the newest that are to be kept. A failure is told; the next one tries again. */
  private async prune(): Promise<void> {
    const { keep } = this.run.definition;
    if (keep == null) return;
    for (const old of this.run.checkpoints.slice(0, -keep)) {
      try {
        await this.snapshots.remove(old);
      } catch (error) {
        this.onProblem(error);
      }
    }
    this.run.forgetCheckpoints(keep);
  }

  private refuseIfUnready(): void {
    if (this.recovering) {
      throw new FlowError("not_ready", "The run's log is being replayed; try again when that is done.", {
        retryable: true,
      });
    }
    if (this.failureText !== null) throw new FlowError("run_failed", `The run has failed: ${this.failureText}`);
  }

  private fail(error: unknown): void {
    this.failureText = error instanceof Error ? error.message : String(error);
    this.timers?.stop();
    this.onProblem(error);
    this.topic.end({ code: "failed", message: this.failureText });
  }
}

function standingOf({ state, openBins, newestBin }: LiveRun): Standing {
  return { state, openBins, newestBin };
}
