import { expect, test } from "vitest";
import { telemetryFile } from "../../../src/snapshot/telemetry-file.ts";

test("a telemetry CSV has FlowTime's header and number text, and no byte order mark", () => {
  const file = telemetryFile("model/telemetry/a.csv", Float64Array.of(10, 20.5, Number.NaN, 1e-5));
  expect(file.path).toBe("model/telemetry/a.csv");
  expect(Buffer.from(file.bytes).toString("utf8")).toBe("bin_index,value\n0,10\n1,20.5\n2,NaN\n3,1E-05\n");
});
