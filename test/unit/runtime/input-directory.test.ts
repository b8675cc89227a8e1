import { describe, expect, test } from "vitest";
import { binMilliseconds } from "../../../src/lib/bin-length.ts";
import type { TimeGrid } from "../../../src/model/model.ts";
import type { TelemetryFrame } from "../../../src/protocol/frame.ts";
import { binStartUtc, InputDirectory } from "../../../src/runtime/input-directory.ts";
import { buildPlan } from "../../support/plan-builder.ts";

function directory(grid: Partial<TimeGrid> = {}): InputDirectory {
  return new InputDirectory(
    buildPlan({
      grid: { bins: 2, binSize: 5, binUnit: "minutes", start: "2026-01-05T00:00:00Z", ...grid },
      series: { a: [1, 1], b: [1, 1], total: [1, 1] },
      nodes: [
        {
          id: "Desk",
          semantics: { arrivals: "a", served: "b", errors: "b", capacity: "total", attempts: "file:x.csv" },
        },
        { id: "Back", semantics: { arrivals: "b" } },
      ],
      bindings: ["a", "b"],
    }),
  );
}

const frame = (rest: Partial<TelemetryFrame>): TelemetryFrame => ({ type: "telemetry", binIndex: 0, ...rest });
const cells = (rest: Partial<TelemetryFrame>) => directory().cellsOf(frame(rest));

describe("cells", () => {
  test("of a series", () => {
    expect(cells({ seriesId: "b", value: 7 })).toEqual([{ input: 1, value: 7 }]);
    expect(cells({ seriesId: "a", value: null })).toEqual([{ input: 0, value: Number.NaN }]);
    expect(cells({ seriesId: "a", value: "-Infinity" })).toEqual([{ input: 0, value: Number.NEGATIVE_INFINITY }]);
  });

  test("of a series in FlowTime's spellings", () => {
    for (const seriesId of ["a@A@DEFAULT", "a@DEFAULT", "series:a", " a "]) {
      expect(cells({ seriesId, value: 7 }), seriesId).toEqual([{ input: 0, value: 7 }]);
    }
  });

  test("of a node, by the roles of its semantics, whatever the case", () => {
    expect(cells({ nodeId: "dESK", metrics: { Arrivals: 1, SERVED: 2, attempts: 3 } })).toEqual([
      { input: 0, value: 1 },
      { input: 1, value: 2 },
      { input: 2, value: 3 },
    ]);
  });

  test("one, where two roles name one series and agree", () => {
    expect(cells({ nodeId: "Desk", metrics: { served: 2, errors: 2 } })).toEqual([{ input: 1, value: 2 }]);
    expect(cells({ nodeId: "Desk", metrics: { served: null, errors: "NaN" } })).toEqual([
      { input: 1, value: Number.NaN },
    ]);
  });

  test.each<[string, Partial<TelemetryFrame>, string, string]>([
    ["an unknown series", { seriesId: "zz", value: 1 }, "unbound_series", "is not a series of the model"],
    ["a computed series", { seriesId: "total", value: 1 }, "unbound_series", "is computed by the model"],
    ["a series of a class", { seriesId: "a@A@Gold", value: 1 }, "unbound_series", "'a' of class 'Gold' is not fed"],
    ["an unknown node", { nodeId: "Nobody", metrics: { arrivals: 1 } }, "unknown_node", "Desk, Back"],
    ["an unknown metric", { nodeId: "Back", metrics: { served: 1 } }, "unknown_metric", "it has: arrivals"],
    ["a metric of no role", { nodeId: "Desk", metrics: { joy: 1 } }, "unknown_metric", "'joy'"],
    [
      "a role that is computed",
      { nodeId: "Desk", metrics: { capacity: 1 } },
      "unbound_series",
      "computed by the model",
    ],
    ["another class", { nodeId: "Desk", classId: "Gold", metrics: { arrivals: 1 } }, "unbound_series", "Gold"],
    [
      "two values for one series",
      { nodeId: "Desk", metrics: { served: 1, errors: 2 } },
      "bad_value",
      "1 and 2 (by 'errors')",
    ],
    ["zeros of two signs", { nodeId: "Desk", metrics: { served: 0, errors: -0 } }, "bad_value", "two values"],
  ])("refused: %s", (_name, rest, code, text) => {
    expect(cells(rest)).toEqual({ code, message: expect.stringContaining(text) });
  });

  test("nothing of a frame is taken when one of its metrics is refused", () => {
    expect(cells({ nodeId: "Desk", metrics: { arrivals: 1, capacity: 1 } })).toMatchObject({ code: "unbound_series" });
  });

  test("a long list of names is cut short", () => {
    const ids = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const plan = buildPlan({ series: Object.fromEntries(ids.map((id) => [id, [1]])), bindings: ids });
    const refusal = new InputDirectory(plan).cellsOf(frame({ seriesId: "zz", value: 1 }));
    expect(refusal).toMatchObject({ message: expect.stringMatching(/s0, .*, s7 and 4 more\.$/) });
  });
});

describe("bins", () => {
  const bin = (timestampUtc: string, grid: Partial<TimeGrid> = {}) => directory(grid).binOf({ timestampUtc });

  test("as given", () => {
    expect(directory().binOf({ binIndex: 17 })).toBe(17);
  });

  test.each([
    ["2026-01-05T00:00:00Z", 0],
    ["2026-01-05T00:04:59.999Z", 0],
    ["2026-01-05T00:05:00Z", 1],
    ["2026-01-05T02:00:00+02:00", 0],
    ["2026-01-04T23:05:00-01:00", 1],
    ["2026-01-06T00:00:00Z", 288],
  ])("%s is in bin %d", (time, expected) => {
    expect(bin(time)).toBe(expected);
  });

  test("a time without an offset is UTC, wherever the machine stands", () => {
    const zone = process.env.TZ;
    process.env.TZ = "America/New_York";
    try {
      expect(bin("2026-01-05T00:05:00")).toBe(1);
      expect(bin("2026-01-05T00:05:00Z", { start: "2026-01-05T00:00:00" })).toBe(1);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  test.each<[string, Partial<TimeGrid>, string]>([
    ["before the start", {}, "before the grid's start"],
    ["without a start", { start: null }, "binIndex"],
  ])("refused: %s", (_name, grid, text) => {
    expect(bin("2026-01-04T23:59:59Z", grid)).toEqual({ code: "bad_time", message: expect.stringContaining(text) });
  });

  test.each([
    ["minutes", 5, "2026-01-05T00:15:00Z"],
    ["hours", 1, "2026-01-05T03:00:00Z"],
    ["days", 2, "2026-01-11T00:00:00Z"],
    ["weeks", 1, "2026-01-26T00:00:00Z"],
  ] as const)("of %s: start and length", (binUnit, binSize, third) => {
    const grid = { bins: 2, binSize, binUnit, start: "2026-01-05T00:00:00Z" };
    expect(binStartUtc(grid, 3)).toBe(third);
    expect(Date.parse(third) - Date.parse(grid.start)).toBe(3 * binMilliseconds(grid));
    expect(bin(third, grid)).toBe(3);
    expect(binStartUtc({ ...grid, start: null }, 3)).toBeNull();
  });
});
