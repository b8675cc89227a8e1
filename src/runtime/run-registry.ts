import { randomBytes } from "node:crypto";
import type { Hub } from "../hub/hub.ts";
import type { Clock } from "../lib/clock.ts";
import { FlowError } from "../lib/errors.ts";
import type { LogStore } from "../log/telemetry-log.ts";
import { compileModel } from "../model/compile.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { parseModel } from "../model/parse.ts";
import { parseRunId, type RunId, timestampedRunId } from "../protocol/ids.ts";
import type { CreateRunRequest } from "../protocol/run.ts";
import { LiveRun } from "./live-run.ts";
import { parseDefinition, type RunDefinition, serialiseDefinition } from "./run-definition.ts";
import { RunLoop, type SnapshotSink } from "./run-loop.ts";
import { topicSource } from "./topic-source.ts";

/** A model that cannot run: everything that is wrong with it. */
export class InvalidModel extends FlowError<"invalid_model"> {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    const errors = diagnostics.filter((finding) => finding.severity === "error");
    super("invalid_model", `The model cannot run: ${errors.map((finding) => finding.message).join("; ")}`);
    this.diagnostics = diagnostics;
  }
}

/** Live runs by id: creates them, brings them back after a restart, closes them. */
export class RunRegistry {
  private readonly parts: {
    readonly logs: LogStore;
    readonly isDurable: boolean;
    readonly hub: Hub;
    readonly snapshots: SnapshotSink;
    readonly clock: Clock;
    readonly onProblem: (runId: string, error: unknown) => void;
  };
  private readonly loops = new Map<RunId, RunLoop>();
  private closing = false;

  constructor(parts: RunRegistry["parts"]) {
    this.parts = parts;
  }

  /** Nothing new is taken any more. */
  get isClosing(): boolean {
    return this.closing;
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
  create(request: CreateRunRequest): RunLoop {
    const { logs, clock } = this.parts;
    const runId =
      request.runId === undefined ? timestampedRunId(clock.now(), randomBytes(4)) : parseRunId(request.runId);
    if (runId === null) {
      throw new FlowError(
        "bad_request",
        `'${request.runId}' is no run id: it must begin with run_ and be one path component.`,
      );
    }
    if (this.loops.has(runId) || logs.exists(runId)) {
      throw new FlowError("run_exists", `Run '${runId}' exists already. Choose another id or send frames to it.`);
    }
    const definition: RunDefinition = {
      runId,
      epoch: randomBytes(8).toString("hex"),
      mode: request.mode,
      createdUtc: new Date(clock.now()).toISOString(),
      modelText: request.model,
      bindings: request.bindings ?? [],
      checkpointEvery: request.checkpointEvery ?? null,
    };
    const run = buildRun(definition);
    if (definition.mode === "live" && run.plan.bound.length === 0) {
      throw new FlowError(
        "bad_request",
        "A live run needs telemetry, but no series is bound. Name some in 'bindings', or use mode 'simulation'.",
      );
    }
    if (definition.mode === "simulation" && run.plan.bound.length > 0) {
      const fed = run.plan.bound.map(({ seriesId }) => seriesId).join(", ");
      throw new FlowError(
        "bad_request",
        `A simulation takes every input from its model, but telemetry is to feed: ${fed}. Use mode 'live', or leave out the bindings.`,
      );
    }
    const loop = this.loopFor(run, logs.create(runId, serialiseDefinition(definition)));
    loop.start();
    return loop;
  }

  /** Brings every run of the store back by replaying its log. One that cannot be brought back is told and left alone. */
  recoverAll(): void {
    for (const runId of this.parts.logs.list()) {
      try {
        const log = this.parts.logs.open(runId);
        const loop = this.loopFor(buildRun(parseDefinition(log.meta)), log);
        loop.recover();
      } catch (error) {
        this.parts.onProblem(runId, error);
      }
    }
  }

  /** Lets every run come to rest and gives the logs free. The runs can still be looked at. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.all(this.all().map((loop) => loop.close()));
  }

  private loopFor(run: LiveRun, log: ReturnType<LogStore["open"]>): RunLoop {
    const { hub, snapshots, clock, isDurable, onProblem } = this.parts;
    const { runId } = run.definition;
    let loop: RunLoop | null = null;
    const topic = hub.open(
      runId,
      topicSource(run, () => loop ?? { state: run.state, lagMs: null }),
    );
    loop = new RunLoop({ run, log, isDurable, topic, snapshots, clock, onProblem: (error) => onProblem(runId, error) });
    this.loops.set(runId, loop);
    return loop;
  }
}

/** @throws InvalidModel */
function buildRun(definition: RunDefinition): LiveRun {
  const parsed = parseModel(definition.modelText);
  if (parsed.model === null) throw new InvalidModel(parsed.diagnostics);
  const compiled = compileModel(parsed.model, { bindings: definition.bindings });
  if (compiled.plan === null) throw new InvalidModel([...parsed.diagnostics, ...compiled.diagnostics]);
  return new LiveRun(definition, compiled.plan);
}
