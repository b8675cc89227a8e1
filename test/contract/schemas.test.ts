// Every JSON file that we write against our own schemas, and against FlowTime's apart from the drifts that
// ../shared/reference/schemas/README.md lists. By the conformance tests FlowTime's files are ours.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ErrorObject } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FolderSnapshots } from "../../src/runtime/snapshots.ts";
import { foldScenario, pipelineScenario } from "../support/live-scenario.ts";
import { describeWithReference } from "../support/reference.ts";
import { flowtimeSchema, ownSchema, problemsOf, type SchemaName, schemaNameOf } from "../support/schemas.ts";

/** Schemas of files that FlowTime writes too. */
const OWN = [
  "run",
  "series-index",
  "manifest",
  "metadata",
  "provenance",
  "telemetry-manifest",
  "autocapture",
] as const satisfies readonly SchemaName[];
const FLOWTIMES = ["run", "series-index", "manifest", "telemetry-manifest"] as const satisfies readonly SchemaName[];

/** JSON files below a folder that have a schema, with their text. */
function documentsBelow(root: string): { file: string; schema: SchemaName; document: unknown }[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: "utf8" }).flatMap((file) => {
    const isPart = /(^|\/)(run|capture)[_/]/.test(file) && !file.includes("/api/");
    const schema = isPart && file.endsWith(".json") ? schemaNameOf(file) : null;
    if (schema === null) return [];
    const text = readFileSync(path.join(root, file), "utf8").replace(/^\uFEFF/, "");
    return [{ file, schema, document: JSON.parse(text) as unknown }];
  });
}

const line = ({ instancePath, message, params }: ErrorObject): string =>
  `${instancePath} ${message} ${JSON.stringify(params)}`;

/** What FlowTime's schema says against a file that FlowTime itself writes so. */
const DRIFTS: Readonly<Record<(typeof FLOWTIMES)[number], readonly RegExp[]>> = {
  run: [
    /^ must NOT have additional properties .*"(inputHash|classCoverage|classes)"/,
    // `edgeIds` is null when there are none; a warning is text or an object, and both branches report.
    /^\/warnings\/\d+\/edgeIds must be array/,
    /^\/warnings\/\d+ must (be string|match a schema in anyOf)/,
  ],
  "series-index": [
    /^ must NOT have additional properties .*"(classCoverage|classes)"/,
    /^\/series\/\d+ must NOT have additional properties .*"classKind"/,
    /^\/series\/\d+\/kind must be equal to one of the allowed values/,
  ],
  manifest: [/^\/classes\/\d+\/(displayName|description) must be string/],
  "telemetry-manifest": [
    /^\/schemaVersion must be equal to constant/,
    /^\/warnings\/\d+ must NOT have additional properties .*"severity"/,
    /^\/(classes|classCoverage|provenance\/modelHash|window\/startTimeUtc) must be /,
    /^\/warnings\/\d+\/(nodeId|bins) must be /,
  ],
};

describe("schemas of this project", () => {
  const validators = new Map([...OWN, "live-run" as const].map((name) => [name, ownSchema(name)]));
  const problems = (schema: SchemaName, document: unknown) => problemsOf(validators.get(schema)!, document).map(line);
  const fixtures = documentsBelow(path.resolve(import.meta.dirname, "../../fixtures/conformance"));

  test("every kind of file is among the fixtures", () => {
    expect(new Set(fixtures.map(({ schema }) => schema))).toEqual(new Set(OWN));
  });

  test("every JSON file of run folders and captures is valid", () => {
    const invalid = fixtures.flatMap(({ file, schema, document }) =>
      problems(schema, document).map((problem) => `${file}: ${problem}`),
    );
    expect(invalid).toEqual([]);
  });

  test.each(OWN.filter((name) => name !== "provenance"))("%s: no member may be missing, none may be added", (name) => {
    const { document } = fixtures.find(({ schema }) => schema === name)! as { document: Record<string, unknown> };
    expect(problems(name, { ...document, surprise: 1 })).toEqual([expect.stringContaining("surprise")]);
    const { [Object.keys(document)[0]!]: _, ...rest } = document;
    expect(problems(name, rest)).toEqual([expect.stringContaining("must have required property")]);
  });

  describe("a snapshot of a live run", () => {
    let root = "";
    beforeAll(async () => {
      root = await mkdtemp(path.join(tmpdir(), "flowtime-schemas-"));
    });
    afterAll(() => rm(root, { recursive: true, force: true }));

    test("is valid, its provenance with the place in the live run included", async () => {
      const snapshots = new FolderSnapshots({
        root: path.join(root, "data"),
        stagingRoot: path.join(root, "staging"),
        clock: { now: () => Date.UTC(2026, 0, 1), after: () => () => {} },
        random: (bytes) => new Uint8Array(bytes),
      });
      await snapshots.write(foldScenario(pipelineScenario(1, 24)).image());
      const files = documentsBelow(path.join(root, "data"));
      expect(files.map(({ schema }) => schema).sort()).toEqual(
        ["live-run", "manifest", "metadata", "provenance", "run", "series-index", "telemetry-manifest"].sort(),
      );
      expect(files.flatMap(({ schema, document }) => problems(schema, document))).toEqual([]);
      const { document } = files.find(({ schema }) => schema === "provenance")!;
      expect(document).toHaveProperty("live.hash");
    });
  });
});

describeWithReference("JSON files that FlowTime wrote", (root) => {
  const kinds = ["direct", "prefix", "simulation", "telemetry", "capture"];
  const documents = kinds.flatMap((kind) => documentsBelow(path.join(root, "golden", kind)));

  test.each(OWN)("%s: valid by our schema", (name) => {
    const validate = ownSchema(name);
    const mine = documents.filter(({ schema }) => schema === name);
    expect(mine.length).toBeGreaterThan(100);
    expect(
      mine.flatMap(({ file, document }) => problemsOf(validate, document).map((e) => `${file}: ${line(e)}`)),
    ).toEqual([]);
  });

  test.each(FLOWTIMES)("%s: by FlowTime's own schema nothing but the listed drifts", (name) => {
    const validate = flowtimeSchema(root, name);
    const found = new Set<RegExp>();
    const others = documents
      .filter(({ schema }) => schema === name)
      .flatMap(({ file, document }) =>
        problemsOf(validate, document).flatMap((error) => {
          const drift = DRIFTS[name].find((known) => known.test(line(error)));
          if (drift === undefined) return [`${file}: ${line(error)}`];
          found.add(drift);
          return [];
        }),
      );
    expect([...new Set(others)].slice(0, 10)).toEqual([]);
    expect(
      DRIFTS[name].filter((drift) => !found.has(drift)),
      "a drift that no file shows",
    ).toEqual([]);
  });
});
