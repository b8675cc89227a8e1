import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { usualDataDir } from "../../../src/cli/command.ts";
import { tempFolder } from "../../support/temp-folder.ts";

test("the usual data folder: environment, then FlowTime's solution root, then the working directory", () => {
  const root = tempFolder();
  const inner = path.join(root, "src/api");
  mkdirSync(inner, { recursive: true });
  expect(usualDataDir({}, inner)).toBe("./data");
  writeFileSync(path.join(root, "FlowTime.sln"), "");
  expect(usualDataDir({}, inner)).toBe(path.join(root, "data"));
  expect(usualDataDir({ FLOWTIME_DATA_DIR: "/elsewhere" }, inner)).toBe("/elsewhere");
  expect(usualDataDir({ FLOWTIME_DATA_DIR: "" }, inner)).toBe(path.join(root, "data"));
});
