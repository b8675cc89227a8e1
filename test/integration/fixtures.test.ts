import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readBundle, readBundleModel } from "../../src/ingest/bundle.ts";
import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import { tempFolder } from "../support/temp-folder.ts";

const projectRoot = path.resolve(import.meta.dirname, "../..");
const bundles = path.join(projectRoot, "fixtures/bundles");

function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    names.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(folder, file), readFileSync(file, "utf8")];
    }),
  );
}

test("the fixtures are what their script writes", () => {
  const made = tempFolder();
  execFileSync(process.execPath, [path.join(projectRoot, "scripts/make-fixtures.mjs"), made]);
  for (const part of ["bundles", "models"]) {
    expect(filesOf(path.join(projectRoot, "fixtures", part))).toEqual(filesOf(path.join(made, part)));
  }
});

describe.each(readdirSync(bundles))("%s", (name) => {
  test("is a whole bundle whose model runs with what it binds", async () => {
    const folder = path.join(bundles, name);
    const bundle = await readBundle(folder);
    const { model, diagnostics } = parseModel(await readBundleModel(folder));
    expect(diagnostics).toEqual([]);
    const { plan } = compileModel(model!, { bindings: bundle.bindings });
    expect(plan?.bound.length).toBeGreaterThan(1);
    expect(bundle.grid?.bins).toBe(model?.grid.bins);
  });
});
