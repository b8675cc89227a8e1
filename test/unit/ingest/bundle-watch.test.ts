import { renameSync, rmSync } from "node:fs";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type BundleFeed, readBundle } from "../../../src/ingest/bundle.ts";
import { bundleFrames } from "../../../src/ingest/bundle-frames.ts";
import {
  awaitBundleModel,
  PATIENCE_MS,
  SETTLE_MS,
  type WatchBundleOptions,
  watchBundle,
} from "../../../src/ingest/bundle-watch.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import type { BindingRequest } from "../../../src/protocol/run.ts";
import { BundleBuilder } from "../../support/bundle-folder.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const HEADER = "bin_index,value\n";
const CONVENTIONS: readonly BundleFeed[] = [
  { binding: "a", path: "a.csv" },
  { binding: "b", path: "b.csv" },
];
const ENTRIES = [
  { nodeId: "N", metric: "Arrivals", path: "a.csv" },
  { nodeId: "N", metric: "Served", path: "b.csv" },
];

const a = (binIndex: number, value: number | null): Frame => ({ type: "telemetry", binIndex, seriesId: "a", value });
const b = (binIndex: number, value: number | null): Frame => ({ type: "telemetry", binIndex, seriesId: "b", value });

/** A watch over a folder whose changes and time come from the test. */
class Watching {
  readonly clock = new FakeClock();
  readonly abort = new AbortController();
  readonly notices: string[] = [];
  readonly received: Frame[] = [];
  outcome: "running" | "ended" | unknown = "running";
  readonly #listeners = new Set<() => void>();

  get options(): WatchBundleOptions {
    return {
      clock: this.clock,
      signal: this.abort.signal,
      onNotice: (text) => this.notices.push(text),
      watch: async (_, onChange) => {
        this.#listeners.add(onChange);
        return async () => {
          this.#listeners.delete(onChange);
        };
      },
    };
  }

  start(dir: string, options: Partial<WatchBundleOptions> = {}): void {
    onTestFinished(() => this.abort.abort());
    const run = async () => {
      const bundle = await watchBundle(dir, { ...this.options, conventions: CONVENTIONS, ...options });
      for await (const frame of bundle?.frames ?? []) this.received.push(frame);
    };
    run().then(
      () => {
        this.outcome = "ended";
      },
      (error: unknown) => {
        this.outcome = error;
      },
    );
  }

  /** Lets everything happen that needs neither time nor a change of the folder. */
  async rest(): Promise<void> {
    while (this.outcome === "running" && this.clock.pending === 0) await new Promise((done) => setImmediate(done));
  }

  async change(): Promise<void> {
    await this.rest();
    for (const listener of this.#listeners) listener();
    await this.rest();
  }

  async pass(ms: number): Promise<void> {
    await this.rest();
    this.clock.advance(ms);
    await this.rest();
  }

  /** What has come since the last call. */
  take(): Frame[] {
    return this.received.splice(0);
  }
}

function growing(): { made: BundleBuilder; watching: Watching } {
  return { made: new BundleBuilder(tempFolder()), watching: new Watching() };
}

async function started(): Promise<{ made: BundleBuilder; watching: Watching }> {
  const { made, watching } = growing();
  made.write("a.csv", HEADER).write("b.csv", HEADER);
  watching.start(made.dir);
  await watching.pass(SETTLE_MS);
  return { made, watching };
}

describe("rows that are appended", () => {
  test("come out bin by bin once every file has them; an unfinished line is none", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n1,2\n2,3");
    await watching.change();
    expect(watching.take()).toEqual([]);
    made.append("b.csv", "0,10\n");
    await watching.change();
    expect(watching.take()).toEqual([a(0, 1), b(0, 10)]);
    made.append("b.csv", "1,20\n2,30\n");
    await watching.change();
    expect(watching.take()).toEqual([a(1, 2), b(1, 20)]);
    made.append("a.csv", "3\n");
    await watching.change();
    expect(watching.take()).toEqual([a(2, 33), b(2, 30)]);
  });

  test("are found by the rescan when no event comes", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,2\n");
    await watching.pass(2_000);
    expect(watching.take()).toEqual([a(0, 1), b(0, 2)]);
  });

  test("that skip a bin make it a gap", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "1,2\n").append("b.csv", "0,5\n1,6\n");
    await watching.change();
    expect(watching.take()).toEqual([b(0, 5), { type: "watermark", binIndex: 0 }, a(1, 2), b(1, 6)]);
  });

  test("that are bad stop with file and line, after what was good", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,2\n");
    await watching.change();
    made.append("a.csv", "1,one\n");
    await watching.change();
    expect(watching.take()).toEqual([a(0, 1), b(0, 2)]);
    expect(watching.outcome).toMatchObject({ code: "csv_malformed", facts: { file: "a.csv", line: 3 } });
  });
});

describe("the end", () => {
  test("is a manifest whose hashes hold", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n1,2").append("b.csv", "0,3\n1,4\n");
    await watching.change();
    expect(watching.take()).toEqual([a(0, 1), b(0, 3)]);
    made.manifest(ENTRIES, 3);
    await watching.change();
    expect(watching.take()).toEqual([a(1, 2), b(1, 4), { type: "watermark", binIndex: 2 }, { type: "end" }]);
    expect(watching.outcome).toBe("ended");
  });

  test("waits for a CSV that is still being copied, and says so in the end", async () => {
    const { made, watching } = await started();
    made.manifest([ENTRIES[0]!, { ...ENTRIES[1]!, hash: `sha256:${"0".repeat(64)}` }], 1);
    await watching.change();
    expect(watching.outcome).toBe("running");
    made.append("b.csv", "0,3\n");
    await watching.change();
    for (let waited = 0; waited <= PATIENCE_MS + SETTLE_MS; waited += SETTLE_MS) await watching.pass(SETTLE_MS);
    expect(watching.outcome).toMatchObject({ code: "hash_mismatch", facts: { file: "b.csv" } });
  });

  test("of a bundle without hashes is when its files rest", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,3");
    made.manifest(
      ENTRIES.map((entry) => ({ ...entry, hash: null })),
      1,
    );
    await watching.change();
    await watching.pass(SETTLE_MS);
    await watching.pass(SETTLE_MS);
    expect(watching.take()).toEqual([a(0, 1), b(0, 3), { type: "end" }]);
  });

  test("does not come while the manifest is cut off", async () => {
    const { made, watching } = await started();
    made.write("manifest.json", '{"files": [');
    await watching.change();
    expect(watching.outcome).toBe("running");
    made.manifest(ENTRIES, null);
    await watching.change();
    expect(watching.outcome).toBe("ended");
  });

  test("does not come for a signal: the run may go on later", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,2\n");
    await watching.change();
    watching.abort.abort();
    while (watching.outcome === "running") await new Promise((done) => setImmediate(done));
    expect(watching.outcome).toBe("ended");
    expect(watching.take()).toEqual([a(0, 1), b(0, 2)]);
  });
});

describe("files that are rewritten", () => {
  test("are taken when the rows already sent are the same", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,2\n");
    await watching.change();
    watching.take();
    made.write("next.csv", `${HEADER}0,1\n1,5\n`);
    renameSync(path.join(made.dir, "next.csv"), path.join(made.dir, "a.csv"));
    made.append("b.csv", "1,6\n");
    await watching.change();
    expect(watching.take()).toEqual([a(1, 5), b(1, 6)]);
  });

  test("may be cut short for a moment, or gone", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,2\n");
    await watching.change();
    watching.take();
    made.write("a.csv", "");
    rmSync(path.join(made.dir, "b.csv"));
    await watching.change();
    expect(watching.outcome).toBe("running");
    made.write("a.csv", `${HEADER}0,1\n1,3\n`).write("b.csv", `${HEADER}0,2\n1,4\n`);
    await watching.change();
    expect(watching.take()).toEqual([a(1, 3), b(1, 4)]);
  });

  test("stop the feed when a row already sent has changed", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n").append("b.csv", "0,2\n");
    await watching.change();
    made.write("next.csv", `${HEADER}0,9\n`);
    renameSync(path.join(made.dir, "next.csv"), path.join(made.dir, "a.csv"));
    await watching.change();
    expect(watching.outcome).toMatchObject({ code: "rows_changed", facts: { file: "a.csv", bin: 0 } });
    expect((watching.outcome as Error).message).toContain("bin 0 was 1 when it was sent and is 9 now");
  });

  test("are found out by the manifest when they change in place", async () => {
    const { made, watching } = await started();
    made.append("a.csv", "0,1\n1,2\n").append("b.csv", "0,2\n1,2\n");
    await watching.change();
    made.write("a.csv", `${HEADER}0,9\n1,2\n2,3\n`).append("b.csv", "2,2\n");
    await watching.change();
    made.manifest(ENTRIES, 3);
    await watching.change();
    expect(watching.outcome).toMatchObject({ code: "rows_changed" });
  });
});

describe("what is fed", () => {
  test("is decided when the set of files has settled", async () => {
    const { made, watching } = growing();
    watching.start(made.dir);
    await watching.change();
    expect(watching.notices).toEqual(["waiting for a CSV that feeds the model"]);
    made.write("a.csv", `${HEADER}0,1\n`);
    await watching.change();
    made.write("b.csv", `${HEADER}0,2\n`);
    await watching.change();
    await watching.pass(SETTLE_MS);
    expect(watching.take()).toEqual([a(0, 1), b(0, 2)]);
  });

  test("does not include a file that comes later, and that is said", async () => {
    const { made, watching } = growing();
    made.write("a.csv", `${HEADER}0,1\n`);
    watching.start(made.dir);
    await watching.pass(SETTLE_MS);
    made.write("b.csv", `${HEADER}0,2\n`).manifest(ENTRIES, 1);
    await watching.change();
    expect(watching.take()).toEqual([a(0, 1), { type: "end" }]);
    expect(watching.notices[0]).toContain("lists b.csv, which came after the run was created");
  });

  test("stays what the names said when the manifest says something else, and that is said", async () => {
    const { made, watching } = growing();
    made.write("a.csv", `${HEADER}0,1\n`).write("b.csv", `${HEADER}0,2\n`);
    const swapped = (binding: BindingRequest) => {
      if (typeof binding === "string") return binding;
      return binding.metric === "arrivals" ? "b" : "a";
    };
    watching.start(made.dir, { seriesOf: swapped });
    await watching.pass(SETTLE_MS);
    made.manifest(ENTRIES, 1);
    await watching.change();
    expect(watching.take()).toEqual([a(0, 1), b(0, 2), { type: "end" }]);
    expect(watching.notices).toEqual([expect.stringContaining("gives a.csv, b.csv another role than the name")]);
  });

  test("is the manifest's when it is there from the start, and waits for files that are not", async () => {
    const { made, watching } = growing();
    made.write("a.csv", `${HEADER}0,1\n`).write("b.csv", `${HEADER}0,2\n`).manifest(ENTRIES, 1);
    const hidden = path.join(made.dir, "hidden");
    renameSync(path.join(made.dir, "b.csv"), hidden);
    watching.start(made.dir);
    await watching.change();
    expect(watching.take()).toEqual([]);
    renameSync(hidden, path.join(made.dir, "b.csv"));
    await watching.change();
    expect(watching.take()).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "N", metrics: { arrivals: 1, served: 2 } },
      { type: "end" },
    ]);
  });

  test("a listed file that never comes is an error", async () => {
    const { made, watching } = growing();
    made.write("a.csv", `${HEADER}0,1\n`).manifest(ENTRIES, 1);
    watching.start(made.dir);
    for (let waited = 0; waited <= PATIENCE_MS + SETTLE_MS; waited += SETTLE_MS) await watching.pass(SETTLE_MS);
    expect(watching.outcome).toMatchObject({ code: "csv_missing", facts: { file: "b.csv" } });
  });
});

test("the model is awaited until it is there and rests", async () => {
  const { made, watching } = growing();
  const model = awaitBundleModel(made.dir, watching.options);
  await watching.change();
  made.write("model.yaml", "schema");
  await watching.change();
  made.append("model.yaml", "Version: 1\n");
  await watching.change();
  watching.clock.advance(SETTLE_MS);
  expect(await model).toBe("schemaVersion: 1\n");
  expect(watching.notices).toHaveLength(1);
});

test("with real events: a growing bundle gives the frames of the finished one", async () => {
  const made = new BundleBuilder(tempFolder());
  made.write("a.csv", HEADER).write("b.csv", HEADER);
  const bundle = await watchBundle(made.dir, { clock: systemClock, conventions: CONVENTIONS });
  const received: Frame[] = [];
  const bins = 20;
  made.append("a.csv", "0,0\n").append("b.csv", "0,0\n");
  for await (const frame of bundle?.frames ?? []) {
    received.push(frame);
    const isBinDone = frame.type === "telemetry" && frame.seriesId === "b";
    if (!isBinDone) continue;
    const next = (frame.binIndex ?? 0) + 1;
    if (next < bins) made.append("a.csv", `${next},${next}\n`).append("b.csv", `${next},${next * 2}\n`);
    else made.manifest(ENTRIES, bins);
  }
  rmSync(path.join(made.dir, "manifest.json"));
  expect(received).toEqual([...bundleFrames(await readBundle(made.dir, { conventions: CONVENTIONS }))]);
});
