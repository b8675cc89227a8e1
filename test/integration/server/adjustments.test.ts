// Changes of a run's model, and corrections of its bins, from outside.
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { PROBLEMS, type ProblemCode } from "../../../src/protocol/problem.ts";
import type { RunDescription } from "../../../src/protocol/run.ts";
import type { KnownBins } from "../../../src/protocol/run-event.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { modelText } from "../../support/model-builder.ts";
import {
  call,
  postFrames,
  postJson,
  type RawAnswer,
  serve,
  completed as settled,
  type TestEngine,
} from "../../support/server.ts";

const MODEL = modelText({
  nodes: ["a=1s", "cap=10s", "s: MIN(a,cap)", "q=buf(a,s)"],
  bins: 8,
  binSize: 5,
  binUnit: "minutes",
  topology: `  nodes:
    - id: Desk
      kind: queue
      semantics:
        arrivals: a
        served: s
        capacity: cap
        queueDepth: q`,
});

let engine: TestEngine;
let url: string;

beforeEach(async () => {
  engine = await serve();
  ({ url } = engine);
});

async function liveRun(more: object = {}): Promise<string> {
  const answer = await postJson(`${url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a"], ...more });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return `${url}/v1/runs/${(answer.body as { runId: string }).runId}`;
}

const cell = (binIndex: number, value: number, revision = 0) => ({
  type: "telemetry",
  binIndex,
  seriesId: "a",
  value,
  revision,
});
const patch = (run: string, body: unknown): Promise<RawAnswer> =>
  call(`${run}/model`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const idOf = (run: string): string => run.split("/").at(-1)!;
const send = (run: string, frames: readonly object[]): Promise<RawAnswer> => postFrames(url, idOf(run), frames);
const completed = (run: string): Promise<unknown> => settled(engine.client, idOf(run));
const known = async (run: string, query = ""): Promise<KnownBins> =>
  (await call(`${run}/bins${query}`)).body as unknown as KnownBins;
const seriesOf = async (run: string, id: string, query = ""): Promise<unknown[]> =>
  (await known(run, query)).bins.map(({ series }) => series[id]);

function expectProblem(answer: RawAnswer, code: ProblemCode, text: string): void {
  expect(answer.body).toMatchObject({ code, error: expect.stringContaining(text) });
  expect(answer.status).toBe(PROBLEMS[code]);
}

describe("PATCH /v1/runs/{id}/model", () => {
  test("applies from the bin on, in values, description, stream and folder", async () => {
    const run = await liveRun();
    await send(run, [cell(0, 20), cell(1, 20)]);
    expect(await patch(run, { fromBin: 3, set: { "Desk.capacity": 15 } })).toMatchObject({
      status: 200,
      body: { fromBin: 3, set: { "Desk.capacity": 15 } },
    });
    expect(await patch(run, { set: { cap: 12 } })).toMatchObject({
      status: 200,
      body: { fromBin: 2, set: { cap: 12 } },
    });
    await send(run, [cell(2, 20), cell(3, 20), { type: "end" }]);
    await completed(run);
    expect(await seriesOf(run, "s")).toEqual([10, 10, 12, 12]);
    const { adjustments, snapshot } = (await call(run)).body as unknown as RunDescription;
    expect(adjustments).toEqual([
      { fromBin: 3, set: { "Desk.capacity": 15 } },
      { fromBin: 2, set: { cap: 12 } },
    ]);
    expect((await verifyRunFolder(snapshot!.path)).problems).toEqual([]);
    expect(readFileSync(path.join(snapshot!.path, "spec.yaml"), "utf8")).toContain("values: [10, 10, 12, 12]");
    const provenance = JSON.parse(
      readFileSync(path.join(snapshot!.path, "model/provenance.json"), "utf8").replace(/^\ufeff/, ""),
    );
    expect(provenance.live.adjustments).toEqual(adjustments);
    const stream = await (await fetch(`${run}/stream?lastEventId=${provenance.live.epoch}.0`)).text();
    const events = [...stream.matchAll(/event: (bin|adjustment)\ndata: (.*)\n/g)].map(([, name, data]) => {
      const { binIndex, fromBin, provenance: by } = JSON.parse(data!);
      return [name, binIndex ?? fromBin, by?.adjusted];
    });
    expect(events).toEqual([
      ["bin", 0, undefined],
      ["bin", 1, undefined],
      ["adjustment", 3, undefined],
      ["adjustment", 2, undefined],
      ["bin", 2, { cap: 12 }],
      ["bin", 3, { "Desk.capacity": 15 }],
    ]);
  });

  test("as a frame among telemetry", async () => {
    const run = await liveRun();
    const answer = await send(run, [
      { type: "adjust", fromBin: 0, set: { "Desk.initialDepth": 5 } },
      cell(0, 20),
      { type: "adjust", fromBin: 0, set: { cap: 1 } },
      { type: "adjust", set: { q: 1 } },
    ]);
    expect(answer.body).toMatchObject({
      accepted: 2,
      rejected: 2,
      errors: [
        { line: 3, code: "too_late" },
        { line: 4, code: "bad_adjustment" },
      ],
    });
    expect(await seriesOf(run, "q")).toEqual([15]);
  });

  test.each([
    ["too_late", { fromBin: 0, set: { cap: 1 } }, "earliest bin a change can begin at is 1"],
    ["bad_adjustment", { set: { a: 1 } }, "fed by telemetry"],
    ["bad_adjustment", { set: { nothing: 1 } }, "nothing that can be adjusted"],
    ["bad_adjustment", { fromBin: 8, set: { cap: 1 } }, "beyond the grid"],
    ["bad_request", { set: { cap: "1" } }, "finite numbers"],
    ["bad_request", { fromBin: -1, set: { cap: 1 } }, "fromBin"],
    ["bad_request", [], "JSON object"],
  ] as const)("%s: %j", async (code, body, text) => {
    const run = await liveRun();
    await send(run, [cell(0, 20)]);
    expectProblem(await patch(run, body), code, text);
    expect(((await call(run)).body as unknown as RunDescription).adjustments).toEqual([]);
  });

  test("a run that has ended", async () => {
    const run = await liveRun();
    await send(run, [cell(0, 20), { type: "end" }]);
    await completed(run);
    expectProblem(await patch(run, { set: { cap: 1 } }), "run_not_live", "has ended");
  });
});

describe("late policy revise", () => {
  test("a correction evaluates its bin and those after it again; what was known stays known", async () => {
    const run = await liveRun({ latePolicy: "revise" });
    await send(run, [cell(0, 20), cell(1, 12), cell(2, 8)]);
    const before = await known(run);
    expect(before.bins.map(({ series, rev }) => [series.q, rev])).toEqual([
      [10, 0],
      [12, 0],
      [12, 0],
    ]);
    expect((await send(run, [cell(1, 30, 1)])).body).toMatchObject({ accepted: 1, late: 0 });
    const after = await known(run);
    expect(after.bins.map(({ series, rev }) => [series.q, rev])).toEqual([
      [10, 0],
      [30, 1],
      [30, 1],
    ]);
    expect(await known(run, `?asOf=${before.seq}`)).toEqual(before);
    const { epoch } = (await call(run)).body as { epoch: string };
    await send(run, [{ type: "end" }]);
    const stream = await (await fetch(`${run}/stream?lastEventId=${epoch}.${before.seq}`)).text();
    const revisions = [...stream.matchAll(/event: revision\ndata: (.*)\n/g)].map(([, data]) => JSON.parse(data!));
    expect(revisions.map(({ binIndex, rev, replaces, hash }) => ({ binIndex, rev, replaces, hash }))).toEqual(
      [1, 2].map((bin) => ({
        binIndex: bin,
        rev: 1,
        replaces: { rev: 0, hash: before.bins[bin]!.hash },
        hash: after.bins[bin]!.hash,
      })),
    );
  });

  test("the same revision with another value is a conflict; beyond the history it is too late", async () => {
    const run = await liveRun({ latePolicy: "revise", historyBins: 2 });
    await send(run, [cell(0, 20), cell(1, 12), cell(2, 8)]);
    expect((await send(run, [cell(1, 30)])).body).toMatchObject({ errors: [{ code: "conflict" }] });
    expect((await send(run, [cell(0, 30, 1)])).body).toMatchObject({ late: 1, errors: [{ code: "too_late" }] });
  });

  test("policy log: counted, no warning", async () => {
    const run = await liveRun({ latePolicy: "log" });
    await send(run, [cell(0, 20), cell(0, 30), cell(1, 1)]);
    const { warnings } = (await call(`${run}/state/live`)).body as { warnings: { code: string }[] };
    expect(warnings.map(({ code }) => code)).not.toContain("late_frame");
  });
});

test.each([
  ["?from=5", "bad_request", "must not be after"],
  ["?from=0&to=500", "bad_request", "At most 500"],
  ["?asOf=99", "bad_request", "beyond the newest event"],
  ["?to=1", "bin_not_sealed", "Bin 1 is not sealed"],
  ["?to=x", "bad_request", "to must be a whole number"],
] as const)("GET bins%s is refused: %s", async (query, code, text) => {
  const run = await liveRun();
  await send(run, [cell(0, 20)]);
  expectProblem(await call(`${run}/bins${query}`), code, text);
});
