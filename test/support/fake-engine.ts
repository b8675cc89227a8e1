import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { formatCursor, parseCursor } from "../../src/protocol/cursor.ts";
import type { Grid, NodeInfo, RunDescription, RunMode, RunState } from "../../src/protocol/run.ts";
import type {
  ByeCode,
  CheckpointEvent,
  Hello,
  LiveState,
  NodeDelta,
  ResetReason,
  RunUpdate,
  Warning,
  WarningUpdate,
} from "../../src/protocol/run-event.ts";

/**
 * A small engine for tests of the client and the terminal: it speaks the stream as the real one does, and misbehaves on
 * the wire when told to. Runs are filled by hand (`run.seal`), nothing is evaluated.
 */

export type StreamScript = (request: IncomingMessage, response: ServerResponse, connection: number) => void;

const ZERO_HASH = "0".repeat(64);
/** Bins per snapshot page, small so that tests see more than one. */
const PAGE_BINS = 50;

type Numbered =
  | { readonly event: "bin"; readonly data: RunUpdate }
  | { readonly event: "checkpoint"; readonly data: CheckpointEvent };

export class FakeRun {
  readonly runId: string;
  readonly nodes: readonly NodeInfo[];
  readonly grid: Grid;
  readonly mode: RunMode;
  epoch: string;
  state: RunState = "running";
  /** Numbered events still held for resumption, and how many were let go before them. */
  events: Numbered[] = [];
  evicted = 0;
  hash = ZERO_HASH;
  sealedBin = -1;
  seq = 0;
  lagMs: number | null = null;
  openBins = 0;
  bins: RunUpdate[] = [];
  snapshots: CheckpointEvent[] = [];
  readonly warnings = new Map<string, Warning>();
  readonly subscribers = new Set<ServerResponse>();
  /** Cursors with which subscribers came, in order. */
  readonly resumedFrom: (string | null)[] = [];
  connections = 0;
  /** Takes over the next connections, by number (1 is the first); absent = behave. */
  script: StreamScript | null = null;
  /** Answer to a checkpoint request that fails. */
  checkpointProblem: { readonly status: number; readonly code: string; readonly error: string } | null = null;

  constructor(options: {
    readonly runId: string;
    readonly nodes: readonly NodeInfo[];
    readonly grid?: Grid;
    readonly mode?: RunMode;
    readonly epoch?: string;
  }) {
    this.runId = options.runId;
    this.nodes = options.nodes;
    this.grid = options.grid ?? { bins: 1440, binSize: 1, binUnit: "minutes", start: "2026-11-23T09:00:00Z" };
    this.mode = options.mode ?? "live";
    this.epoch = options.epoch ?? "e1";
  }

  startOf(bin: number): string | null {
    const size = { minutes: 60_000, hours: 3_600_000, days: 86_400_000, weeks: 604_800_000 }[this.grid.binUnit];
    if (this.grid.start === null) return null;
    return new Date(Date.parse(this.grid.start) + bin * this.grid.binSize * size).toISOString().replace(".000Z", "Z");
  }

  seal(nodes: readonly NodeDelta[], warnings: readonly WarningUpdate[] = []): RunUpdate {
    const prevHash = this.hash;
    const binIndex = this.sealedBin + 1;
    const hash = createHash("sha256").update(prevHash).update(JSON.stringify(nodes)).digest("hex");
    this.seq++;
    for (const change of warnings) {
      if (change.action === "cleared") this.warnings.delete(change.key);
      else this.warnings.set(change.warning.key, change.warning);
    }
    const update: RunUpdate = {
      runId: this.runId,
      epoch: this.epoch,
      seq: this.seq,
      binIndex,
      rev: 0,
      startUtc: this.startOf(binIndex),
      nodes,
      edges: [],
      warnings,
      hash,
      prevHash,
      provenance: { sealedBy: "complete" },
    };
    this.hash = hash;
    this.sealedBin = binIndex;
    this.bins.push(update);
    this.#publish({ event: "bin", data: update });
    return update;
  }

  checkpoint(): CheckpointEvent {
    this.seq++;
    const snapshotRunId = `run_20261123T090000Z_${this.hash.slice(0, 8)}`;
    const path = `/data/runs/${snapshotRunId}`;
    const data = { seq: this.seq, snapshotRunId, sealedBin: this.sealedBin, path };
    this.snapshots.push(data);
    this.#publish({ event: "checkpoint", data });
    return data;
  }

  #publish(event: Numbered): void {
    this.events.push(event);
    for (const response of this.subscribers) this.send(response, event.event, event.data, this.cursor(event.data.seq));
  }

  cursor(seq: number): string {
    return formatCursor({ epoch: this.epoch, seq });
  }

  progress(): void {
    const data = { seq: this.seq, sealedBin: this.sealedBin, lagMs: this.lagMs, openBins: this.openBins };
    for (const response of this.subscribers) this.send(response, "progress", data, this.cursor(this.seq));
  }

  heartbeat(): void {
    for (const response of this.subscribers) response.write(": alive\n\n");
  }

  /** Lets go of all but the newest `kept` numbered events. */
  evict(kept: number): void {
    const count = Math.max(0, this.events.length - kept);
    this.events.splice(0, count);
    this.evicted += count;
  }

  /** A new life that knows nothing of the old one's numbers. */
  restart(epoch: string): void {
    this.cut();
    this.epoch = epoch;
    this.seq = this.bins.length;
    this.bins = this.bins.map((bin, at) => ({ ...bin, epoch, seq: at + 1 }));
    this.events = [];
    this.evicted = this.seq;
  }

  cut(): void {
    for (const response of this.subscribers) response.destroy();
    this.subscribers.clear();
  }

  end(code: ByeCode = "completed"): void {
    if (code === "completed" || code === "aborted" || code === "failed") this.state = code;
    for (const response of this.subscribers) {
      this.send(response, "bye", { code });
      response.end();
    }
    this.subscribers.clear();
  }

  hello(): Hello {
    return {
      schemaVersion: 1,
      runId: this.runId,
      mode: this.mode,
      epoch: this.epoch,
      seq: this.seq,
      firstRetainedSeq: this.evicted + 1,
      sealedBin: this.sealedBin,
      state: this.state,
      grid: this.grid,
      nodes: this.nodes,
    };
  }

  send(response: ServerResponse, event: string, data: unknown, id?: string): void {
    response.write(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  open(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write("retry: 1000\n\n");
  }

  sendSnapshot(response: ServerResponse): void {
    const retained = this.bins.slice(-240);
    const pages = Math.ceil(retained.length / PAGE_BINS);
    const { runId, epoch, seq, sealedBin, hash } = this;
    this.send(response, "snapshot-begin", { runId, epoch, seq, sealedBin, pages, hash });
    for (let page = 0; page < pages; page++) {
      this.send(response, "snapshot-page", { page, bins: retained.slice(page * PAGE_BINS, (page + 1) * PAGE_BINS) });
    }
    const warnings = [...this.warnings.values()];
    this.send(response, "snapshot-end", { epoch, seq, sealedBin, hash, warnings }, this.cursor(seq));
  }

  subscribe(request: IncomingMessage, response: ServerResponse): void {
    this.connections++;
    const header = request.headers["last-event-id"];
    const text = typeof header === "string" && header !== "" ? header : null;
    this.resumedFrom.push(text);
    if (this.script !== null) {
      this.script(request, response, this.connections);
      return;
    }
    this.serve(response, text);
  }

  /** What a well-behaved engine sends to a subscriber that comes with `text` as its last event id. */
  serve(response: ServerResponse, text: string | null): void {
    this.open(response);
    this.send(response, "hello", this.hello());
    const reason = text === null ? null : this.#refusal(text);
    if (text !== null && reason === null) {
      const from = parseCursor(text)!.seq;
      for (const { event, data } of this.events) {
        if (data.seq > from) this.send(response, event, data, this.cursor(data.seq));
      }
    } else {
      if (reason !== null) this.send(response, "reset", { reason });
      this.sendSnapshot(response);
    }
    if (this.state !== "running") {
      this.send(response, "bye", { code: this.state });
      response.end();
      return;
    }
    this.subscribers.add(response);
    response.on("close", () => this.subscribers.delete(response));
  }

  #refusal(text: string): ResetReason | null {
    const cursor = parseCursor(text);
    if (cursor === null || cursor.epoch !== this.epoch) return "epoch";
    if (cursor.seq > this.seq) return "ahead";
    return cursor.seq < this.evicted ? "evicted" : null;
  }

  liveState(): LiveState {
    const newest = this.bins.at(-1);
    return {
      schemaVersion: 1,
      runId: this.runId,
      epoch: this.epoch,
      seq: this.seq,
      state: this.state,
      sealedBin: this.sealedBin,
      startUtc: newest?.startUtc ?? null,
      hash: this.hash,
      series: {},
      nodes: newest?.nodes ?? [],
      edges: newest?.edges ?? [],
      warnings: [...this.warnings.values()],
    };
  }

  describe(): RunDescription {
    const { runId, mode, state, epoch, seq, grid, sealedBin, hash, openBins, nodes } = this;
    return {
      schemaVersion: 1,
      runId,
      mode,
      state,
      epoch,
      seq,
      grid,
      sealedBin,
      hash,
      openBins,
      nodes,
      bindings: [],
      createdUtc: "2026-11-23T09:00:00Z",
      checkpointEvery: null,
      latePolicy: "reject",
      historyBins: null,
      gapPolicy: "nan",
      sealAfterMs: null,
      idleAfterMs: null,
      idleInputs: [],
      adjustments: [],
      snapshot: this.snapshots.at(-1) ?? null,
      failure: null,
    };
  }
}

export class FakeEngine implements AsyncDisposable {
  readonly #server: Server;
  readonly #runs = new Map<string, FakeRun>();
  /** Answers given before any route is looked at, first in first out: status, headers, body. */
  readonly refusals: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }[] =
    [];
  readonly requests: string[] = [];
  /** Bodies of the frames that were posted. */
  readonly posted: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => this.#route(request, response));
  }

  static async start(port = 0): Promise<FakeEngine> {
    const engine = new FakeEngine();
    await new Promise<void>((resolve) => engine.#server.listen(port, "127.0.0.1", resolve));
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(run: FakeRun): FakeRun {
    this.#runs.set(run.runId, run);
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://fake");
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      const body = typeof refusal.body === "string" ? refusal.body : JSON.stringify(refusal.body ?? {});
      response.writeHead(refusal.status, { "content-type": "application/json", ...refusal.headers }).end(body);
      return;
    }
    const answer = this.#answer(url.pathname, request, response);
    if (answer !== null) json(response, answer.status, answer.body);
  }

  /** The answer to send, null when the route writes its own. */
  #answer(path: string, request: IncomingMessage, response: ServerResponse): { status: number; body: unknown } | null {
    const missing = { status: 404, body: { error: "no such path", code: "not_found" } };
    if (path === "/healthz") return { status: 200, body: { status: "ok" } };
    if (path === "/v1/runs") return { status: 200, body: { items: [], totalCount: 0, page: 1, pageSize: 0 } };
    const match = /^\/v1\/runs\/([^/]+)(\/.*)?$/.exec(path);
    if (match === null) return missing;
    const runId = decodeURIComponent(match[1]!);
    const run = this.#runs.get(runId);
    if (run === undefined) return { status: 404, body: { error: `no run "${runId}"`, code: "run_not_found" } };
    switch (match[2] ?? "") {
      case "":
        return { status: 200, body: run.describe() };
      case "/state/live":
        return { status: 200, body: run.liveState() };
      case "/checkpoints": {
        const problem = run.checkpointProblem;
        return problem === null ? { status: 201, body: run.checkpoint() } : { status: problem.status, body: problem };
      }
      case "/stream":
        run.subscribe(request, response);
        return null;
      case "/frames":
        this.#frames(request, response, run);
        return null;
      default:
        return missing;
    }
  }

  #frames(request: IncomingMessage, response: ServerResponse, run: FakeRun): void {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      this.posted.push(text);
      const accepted = text.split("\n").filter((line) => line !== "").length;
      const { sealedBin, openBins } = run;
      json(response, 200, {
        accepted,
        duplicates: 0,
        late: 0,
        rejected: 0,
        errors: [],
        sealedBin,
        openBins,
        durable: true,
      });
    });
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
