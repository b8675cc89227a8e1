import { randomBytes } from "node:crypto";
import type { Hub } from "../hub/hub.ts";
import type { Clock } from "../lib/clock.ts";
import { FlowError } from "../lib/errors.ts";
import { LogError } from "../log/log-error.ts";
import type { LogStore, TelemetryLog } from "../log/telemetry-log.ts";
import { inputName } from "../model/plan.ts";
import { windowFinding } from "../model/plan-limits.ts";
import { parseRunId, type RunId, timestampedRunId } from "../protocol/ids.ts";
import type { CreateRunRequest } from "../protocol/run.ts";
import { compileRun, InvalidModel } from "./compile-run.ts";
import { LiveRun, type RowStore } from "./live-run.ts";
import { compileOptionsOf, parseDefinition, type RunDefinition, serialiseDefinition } from "./run-definition.ts";
import { RunLoop, type SnapshotSink } from "./run-loop.ts";
import { topicSource } from "./topic-source.ts";

/** Where the bins go that leave the memory of one run. */
export interface RunStore extends RowStore {
  close(): void;
}

/** Live runs by id: creates them, brings them back after a restart, closes them. */
export class RunRegistry {
  private readonly parts: {
    readonly logs: LogStore;
    readonly isDurable: boolean;
    readonly hub: Hub;
    readonly snapshots: SnapshotSink;
    readonly clock: Clock;
    /** Opens the place for bins that leave the memory of a run with a bounded history. */
    readonly openStore: (runId: RunId, width: number) => RunStore;
    readonly onProblem: (runId: string, error: unknown) => void;
  };
  private readonly loops = new Map<RunId, RunLoop>();
  private readonly stores: RunStore[] = [];
  private closing = false;
  private recovering = false;

  constructor(parts: RunRegistry["parts"]) {
    this.parts = parts;
  }

  /** Nothing new is taken any more. */
  get isClosing(): boolean {
    return this.closing;
  }

  /** Runs are being brought back; one that is not there yet may come. */
  get isRecovering(): boolean {
    return this.recovering;
  }

  get(runId: string): RunLoop | null {
    const id = parseRunId(runId);
    return id === null ? null : (this.loops.get(id) ?? null);
  }

  all(): readonly RunLoop[] {
    return [...this.loops.values()];
  }

  /**
   * Creates a run and starts it.
   * @throws InvalidModel
   * @throws FlowError `bad_request` (id, bindings), `run_exists`
   */
  async create(request: CreateRunRequest): Promise<RunLoop> {
    const { logs, clock } = this.parts;
    const runId =
      request.runId === undefined ? timestampedRunId(clock.now(), randomBytes(4)) : parseRunId(request.runId);
    if (runId === null) {
      throw new FlowError(
        "bad_request",
        `'${request.runId}' is no run id: it must begin with run_ and be one path component.`,
      );
    }
    if (this.loops.has(runId) || (await logs.exists(runId))) throw runExists(runId);
    const definition: RunDefinition = {
      runId,
      epoch: randomBytes(8).toString("hex"),
      mode: request.mode,
      createdUtc: new Date(clock.now()).toISOString(),
      modelText: request.model,
      bindings: request.bindings ?? [],
      checkpointEvery: request.checkpointEvery ?? null,
      keep: request.keep ?? null,
      latePolicy: request.latePolicy ?? "reject",
      historyBins: request.historyBins ?? null,
      ...(request.gapPolicy === undefined ? {} : { gapPolicy: request.gapPolicy }),
      ...(request.sealAfterMs === undefined ? {} : { sealAfterMs: request.sealAfterMs }),
      ...(request.idleAfterMs === undefined ? {} : { idleAfterMs: request.idleAfterMs }),
      ...(request.modes === undefined ? {} : { modes: request.modes }),
    };
    const run = this.buildRun(definition);
    if (definition.mode === "live" && run.plan.bound.length === 0) {
      throw new FlowError(
        "bad_request",
        "A live run needs telemetry, but no series is bound. Name some in 'bindings', or use mode 'simulation'.",
      );
    }
    if (definition.mode === "simulation" && run.plan.bound.length > 0) {
      const fed = run.plan.bound.map(inputName).join(", ");
      throw new FlowError(
        "bad_request",
        `A simulation takes every input from its model, but telemetry is to feed: ${fed}. Use mode 'live', or leave out the bindings.`,
      );
    }
    const log = await logs.create(runId, serialiseDefinition(definition)).catch((error: unknown) => {
      throw error instanceof LogError && error.code === "log_exists" ? runExists(runId) : error;
    });
    const loop = this.loopFor(run, log);
    loop.start();
    return loop;
  }

  /** Brings every run of the store back by replaying its log. One that cannot be brought back is told and left alone. */
  async recoverAll(): Promise<void> {
    this.recovering = true;
    try {
      await this.parts.snapshots.sweep().catch((error) => this.parts.onProblem("snapshots", error));
      for (const runId of await this.parts.logs.list()) await this.recover(runId);
    } finally {
      this.recovering = false;
    }
  }

  /** Lets every run come to rest and gives the logs free. The runs can still be looked at. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.all(this.all().map((loop) => loop.close()));
    await this.parts.logs.close();
    await this.parts.snapshots.close();
    for (const store of this.stores.splice(0)) store.close();
  }

  /** @throws InvalidModel */
  private buildRun(definition: RunDefinition): LiveRun {
    const plan = compileRun(definition.modelText, definition.bindings, compileOptionsOf(definition));
    const kept = Math.min(plan.source.grid.bins, definition.historyBins ?? Number.POSITIVE_INFINITY);
    const window = windowFinding(plan.seriesCount, kept);
    if (window !== null) throw new InvalidModel([window]);
    if (definition.historyBins == null) return new LiveRun(definition, plan);
    const store = this.parts.openStore(definition.runId, plan.seriesCount);
    this.stores.push(store);
    return new LiveRun(definition, plan, { store });
  }

  private async recover(runId: RunId): Promise<void> {
    try {
      const log = await this.parts.logs.open(runId);
      const loop = this.loopFor(this.buildRun(parseDefinition(log.meta)), log);
      await loop.recover();
    } catch (error) {
      this.parts.onProblem(runId, error);
    }
  }

  private loopFor(run: LiveRun, log: TelemetryLog): RunLoop {
    const { hub, snapshots, clock, isDurable, onProblem } = this.parts;
    const { runId } = run.definition;
    let loop: RunLoop | null = null;
    const topic = hub.open(
      runId,
      topicSource(run, () => loop ?? { state: run.state, lagMs: null, standing: run }),
    );
    loop = new RunLoop({ run, log, isDurable, topic, snapshots, clock, onProblem: (error) => onProblem(runId, error) });
    this.loops.set(runId, loop);
    return loop;
  }
}

function runExists(runId: RunId): FlowError {
  return new FlowError("run_exists", `Run '${runId}' exists already. Choose another id or send frames to it.`);
}
