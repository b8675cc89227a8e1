import { describe, expect, test } from "vitest";
import { edgeSeriesName, nodeSeriesName, seriesPath, upperInvariant } from "../../../src/snapshot/layout.ts";
import { chooseRunIds } from "../../../src/snapshot/run-id.ts";
import { selectSeries } from "../../../src/snapshot/select-series.ts";

describe("series names", () => {
  test("of nodes keep the id and upper-case the component", () => {
    expect(nodeSeriesName("intake").id).toBe("intake@INTAKE@DEFAULT");
    expect(nodeSeriesName("intake", "Gold")).toEqual({
      id: "intake@INTAKE@Gold",
      componentId: "INTAKE",
      classId: "Gold",
    });
  });

  test("of edges are cleaned", () => {
    expect(edgeSeriesName("Desk:out->Audit:in", "flowVolume", null)).toEqual({
      id: "edge_Desk_out-_Audit_in_flowVolume@EDGE_DESK_OUT-_AUDIT_IN_FLOWVOLUME@DEFAULT",
      componentId: "EDGE_DESK_OUT-_AUDIT_IN_FLOWVOLUME",
      classId: "DEFAULT",
    });
    expect(edgeSeriesName(" __e__ ", "m", " Gold ").id).toBe("edge_e_m@EDGE_E_M@Gold");
    expect(() => edgeSeriesName(" ", "m", null)).toThrowError("Edge series edge id is required.");
    expect(() => edgeSeriesName("e", "->", null)).not.toThrow();
    expect(() => edgeSeriesName("e", "::", null)).toThrowError(
      "Edge series metric must contain at least one valid character.",
    );
  });

  test("upper case follows the invariant culture", () => {
    expect(upperInvariant("straße_ıſ é µ \u{10428}")).toBe("STRAßE_ıſ É \u039c \u{10428}");
  });

  test.each(["a/b", "..\\a", "a\0", "../../etc/x", "x".repeat(300)])(
    "an id that no file can be named after is refused: %j",
    (id) => {
      expect(() => seriesPath(id)).toThrowError(expect.objectContaining({ code: "id_unsafe" }));
    },
  );
});

describe("selection", () => {
  const evaluated = ["a", "dept/one", "Dept/Two", "b"];
  test.each([
    [["b", "*"], [], ["b", "a", "dept/one", "Dept/Two"]],
    [["dept/*"], [], ["dept/one", "Dept/Two"]],
    [["missing", "A"], [], evaluated],
    [[], ["b"], evaluated],
    [
      ["a", "missing"],
      ["b", "a", "A"],
      ["a", "b"],
    ],
  ])("of outputs %j with references %j is %j", (outputs, referenced, expected) => {
    expect(selectSeries({ outputs, evaluated, referenced })).toEqual(expected);
  });
});

describe("run ids", () => {
  const scenario = `sha256:${"ab".repeat(32)}`;
  const inputs = `SHA256:${"cd".repeat(32)}`;
  test("by scenario, by inputs, by time", () => {
    expect(chooseRunIds({ kind: "deterministic" }, scenario, inputs).runId).toBe("run_deterministic_abababab");
    expect(chooseRunIds({ kind: "deterministic", templateId: " My/T  x.@- " }, scenario, inputs).runId).toBe(
      `run_my-t-x.@_${"cd".repeat(32)}`,
    );
    const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(
      chooseRunIds({ kind: "timestamped", nowMs, random: Uint8Array.of(0, 1, 254, 255) }, scenario, null).runId,
    ).toBe("run_20260102T030405Z_0001feff");
  });

  test("an explicit id names the folder only, and may not leave it", () => {
    const own = { kind: "deterministic" } as const;
    expect(chooseRunIds({ kind: "explicit", id: "mine", own }, scenario, null)).toEqual({
      runId: "run_deterministic_abababab",
      folderName: "mine",
    });
    expect(() => chooseRunIds({ kind: "explicit", id: "../mine", own }, scenario, null)).toThrowError(/path separator/);
  });
});
