import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parseModel } from "../../../src/model/parse.ts";
import { describeWithReference } from "../../support/reference.ts";

interface ValidationCase {
  readonly case: string;
  readonly yaml: string;
  /** Without `isValid` where FlowTime's endpoint refused to look: an empty text. */
  readonly schema: { readonly isValid?: boolean; readonly errors?: readonly { readonly message: string }[] };
}

/** Findings that FlowTime's own checks word; the others are its JSON Schema and YAML libraries'. */
const OWN_SENTENCES = [
  /^Arrival targeting /,
  /^Class '.*' is not declared/,
  /: duplicate node id /,
  /: output series /,
  /: expression on /,
  /: const node /,
  /: pmf node /,
  /: Expression node .* uses SHIFT on itself/,
  /: series reference /,
  /: wipOverflow /,
  /is not a parseable ISO-8601 date-time\.$/,
];

describeWithReference("FlowTime's verdicts on models", (root) => {
  const cases = readFileSync(path.join(root, "golden/validate/cases.ndjson"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ValidationCase);

  test("all cases are there", () => {
    expect(cases).toHaveLength(140);
  });

  test.each(cases.map((entry) => [entry.case, entry] as const))("%s", (_name, entry) => {
    const { diagnostics } = parseModel(entry.yaml, { profile: "direct" });
    const refusals = diagnostics.filter(
      (finding) => finding.severity === "error" && (finding.tier === "yaml" || finding.tier === "schema"),
    );
    const messages = refusals.map((finding) => finding.message);
    expect(refusals.length === 0, messages.join("\n")).toBe(entry.schema.isValid ?? false);
    const own = (entry.schema.errors ?? [])
      .map((error) => error.message)
      .filter((text) => OWN_SENTENCES.some((own) => own.test(text)));
    expect(messages).toEqual(expect.arrayContaining(own));
  });
});

describeWithReference("models that FlowTime has run", (root) => {
  const folders = [
    ["golden/direct", "direct"],
    ["golden/prefix", "direct"],
    ["golden/simulation", "live"],
    ["golden/telemetry", "live"],
    ["bundles", "live"],
  ] as const;

  test.each(folders)("%s parse without an error", (folder, profile) => {
    const names = readdirSync(path.join(root, folder));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const text = readFileSync(path.join(root, folder, name, "model.yaml"), "utf8");
      const { model, diagnostics } = parseModel(text, { profile });
      expect({ name, diagnostics }).toEqual({ name, diagnostics: [] });
      expect(model).not.toBeNull();
    }
  });
});
