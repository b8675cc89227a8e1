import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { inputHashOf } from "../../../src/snapshot/input-hash.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { describeWithReference } from "../../support/reference.ts";
import { writeSmallRun } from "../../support/small-run.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const SERIES = "series/a@A@DEFAULT.csv";
const PROVENANCE = JSON.stringify({
  source: "x",
  modelId: "m1",
  templateId: "t1",
  generatedAt: "2026-01-01T00:00:00Z",
});

interface Damage {
  readonly what: string;
  /** Does it to a sound folder. */
  readonly by: (directory: string) => Promise<void>;
  readonly path: string;
  readonly says: RegExp;
}

const replace = (name: string, from: string | RegExp, to: string) => async (directory: string) => {
  const file = path.join(directory, name);
  const before = await readFile(file, "utf8");
  const after = before.replace(from, to);
  expect(after, `${name} has ${from}`).not.toBe(before);
  await writeFile(file, after);
};
const remove = (name: string) => (directory: string) => rm(path.join(directory, name));
const write = (name: string, text: string) => (directory: string) => writeFile(path.join(directory, name), text);

const DAMAGES: readonly Damage[] = [
  {
    what: "a changed value",
    by: replace(SERIES, "2.5", "2.6"),
    path: SERIES,
    says: /hash is sha256:\w+, series\/index.json says/,
  },
  {
    what: "a row too many",
    by: (d) => appendFile(path.join(d, SERIES), "3,9\n"),
    path: SERIES,
    says: /has 4 rows, .* 3 points/,
  },
  { what: "a missing series", by: remove(SERIES), path: SERIES, says: /not found/ },
  {
    what: "a file nobody lists",
    by: write("series/b@B@DEFAULT.csv", "x"),
    path: "series/b@B@DEFAULT.csv",
    says: /not listed/,
  },
  {
    what: "a changed model",
    by: (d) => appendFile(path.join(d, "model/model.yaml"), "# x\n"),
    path: "model/model.yaml",
    says: /hash is/,
  },
  {
    what: "a changed spec",
    by: (d) => appendFile(path.join(d, "spec.yaml"), "x: 1\n"),
    path: "spec.yaml",
    says: /scenarioHash/,
  },
  { what: "no run.json", by: remove("run.json"), path: "run.json", says: /not found/ },
  { what: "no manifest", by: remove("manifest.json"), path: "manifest.json", says: /not found/ },
  { what: "no metadata", by: remove("model/metadata.json"), path: "model/metadata.json", says: /not found/ },
  { what: "a cut run.json", by: write("run.json", '{"schemaVersion": 1,'), path: "run.json", says: /not JSON/ },
  { what: "a list for run.json", by: write("run.json", "[]"), path: "run.json", says: /not a JSON object/ },
  {
    what: "another version",
    by: replace("run.json", '"schemaVersion": 1', '"schemaVersion": 7'),
    path: "run.json",
    says: /'schemaVersion' is 7; versions 1 and 2/,
  },
  {
    what: "a hash that is none",
    by: replace("run.json", /"scenarioHash": "sha256:/, '"scenarioHash": "md5:'),
    path: "run.json",
    says: /'scenarioHash' is not 'sha256:'/,
  },
  {
    what: "a series entry without points",
    by: replace("series/index.json", '"points": 3', '"point": 3'),
    path: "series/index.json",
    says: /'series\[0\]\.points' is missing/,
  },
  {
    what: "another grid",
    by: replace("series/index.json", '"binSize": 1', '"binSize": 2'),
    path: "series/index.json",
    says: /grid differs/,
  },
  {
    what: "a path out of the folder",
    by: replace("series/index.json", '"path": "series/a@', '"path": "../a@'),
    path: "series/index.json",
    says: /where readers do not look/,
  },
  {
    what: "metadata of another model",
    by: replace("model/metadata.json", '"templateId": "t1"', '"templateId": "t2"'),
    path: "model/metadata.json",
    says: /'templateId' is "t2", model and provenance give "t1"/,
  },
  { what: "a lost provenance", by: remove("model/provenance.json"), path: "model/provenance.json", says: /is missing/ },
  {
    what: "another provenance",
    by: replace("model/provenance.json", '"m1"', '"m2"'),
    path: "manifest.json",
    says: /'provenance.modelId' is "m1", .* gives "m2"/,
  },
  {
    what: "a run id that is not its own",
    by: replace("run.json", /"runId": "[^"]*"/, '"runId": "run_deterministic_00000000"'),
    path: "run.json",
    says: /does not belong to the scenarioHash/,
  },
];

describe("verifying a run folder", () => {
  test("that is as it was written finds nothing", async () => {
    const directory = await writeSmallRun(tempFolder(), { provenance: PROVENANCE });
    expect(await verifyRunFolder(directory)).toEqual({ isSound: true, problems: [], checkedFiles: 3 });
  });

  test.each(DAMAGES)("finds $what", async ({ by, path: file, says }) => {
    const directory = await writeSmallRun(tempFolder(), { provenance: PROVENANCE });
    await by(directory);
    const { isSound, problems } = await verifyRunFolder(directory);
    expect(isSound).toBe(false);
    expect(problems).toContainEqual({ path: file, problem: expect.stringMatching(says) });
  });
});

test("inputHash is that of artifacts.md, Appendix F", () => {
  const provenance = `{"templateId":"desk-demo","templateVersion":"1.2.0","mode":"Simulation",
    "parameters":{"rate":0.5,"label":"a+b","bins":3},"telemetryBindings":{},"rng":{"kind":"pcg32","seed":123}}`;
  expect(inputHashOf(provenance)).toBe("sha256:a8f4600bf62d7439964a1699fd91e7dcedfb439c6d3552841da94410767c7ac3");
  expect(inputHashOf("{}")).toBeNull();
  expect(inputHashOf("not json")).toBeNull();
});

describeWithReference("FlowTime's damaged run folders", (root) => {
  const verify = async (name: string) => (await verifyRunFolder(path.join(root, "golden/http/runs", name))).problems;

  test.each([
    ["not-a-run", "run.json", /not found/],
    ["run_no_runjson", "run.json", /not found/],
    ["run_bad_json", "run.json", /not JSON/],
    ["run_missing_series", "series/HubDispatchRouter@HUBDISPATCHROUTER@Airport.csv", /not found/],
    ["run_hash_mismatch", "model/model.yaml", /model\/metadata\.json says sha256:0038/],
  ])("%s: what is wrong is named", async (name, file, says) => {
    expect((await verify(name))[0]).toEqual({ path: file, problem: expect.stringMatching(says) });
  });
});
