import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { findEngine } from "../../../src/client/discover.ts";
import { FakeEngine } from "../../support/fake-engine.ts";
import { tempFolder } from "../../support/temp-folder.ts";

function dataFolder(text: string | null): string {
  const folder = path.join(tempFolder(), "data");
  mkdirSync(folder);
  if (text !== null) writeFileSync(path.join(folder, "engine.json"), text);
  return folder;
}

const fileFor = (url: string) => JSON.stringify({ url, pid: 1, startedUtc: "2026-11-23T09:00:00Z" });

describe("finding the engine of a data folder", () => {
  test("by the file that it leaves, when it answers", async () => {
    await using engine = await FakeEngine.start();
    expect(await findEngine(dataFolder(fileFor(`${engine.url}/`)))).toBe(engine.url);
    expect(engine.requests).toEqual(["GET /healthz"]);
  });

  test("the file of an engine that is gone, or not well, finds nothing", async () => {
    const engine = await FakeEngine.start();
    const folder = dataFolder(fileFor(engine.url));
    engine.refusals.push({ status: 503 });
    expect(await findEngine(folder)).toBeNull();
    await engine[Symbol.asyncDispose]();
    expect(await findEngine(folder)).toBeNull();
  });

  test.each([
    ["no file", null],
    ["half a file", '{"url":"http://127'],
    ["no url", "{}"],
    ["no address", fileFor("nowhere")],
    ["null", "null"],
  ])("%s finds nothing", async (_name, text) => {
    expect(await findEngine(dataFolder(text))).toBeNull();
  });

  test("nor does a folder that is not there", async () => {
    expect(await findEngine("/nonexistent/data")).toBeNull();
  });
});
