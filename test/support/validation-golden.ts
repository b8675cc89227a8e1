import { expect } from "vitest";
import { VALIDATION_TIERS, type ValidationTier, validateModel } from "../../src/runtime/validate-model.ts";

/** One line of FlowTime's validation goldens: a model and its answers. */
export interface ValidationCase {
  readonly case: string;
  readonly yaml: string;
  readonly schema: Answer;
  readonly compile: Answer;
  readonly analyse: Answer;
}

/** What `POST /v1/validate` answers: 200 with a verdict, or 400 for a text that is blank. */
type Answer =
  | {
      readonly status: 200;
      readonly isValid: boolean;
      readonly errors: readonly { readonly message: string }[];
      readonly warnings: readonly { readonly nodeId: string; readonly code: string; readonly message: string }[];
    }
  | { readonly status: 400; readonly error: string };

export function casesOf(ndjson: string): readonly ValidationCase[] {
  return ndjson
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ValidationCase);
}

/** Wording of the libraries FlowTime checks and reads with. What it says about the same fault is up to us. */
const LIBRARY_WORDING = [
  // JSON Schema: a pointer and one of the library's sentences.
  /: Required properties \[.*\] are not present$/s,
  /: Expected ".*"$/s,
  /: Expected \d+ matching subschemas? but found \d+$/,
  /: Value is ".*" but should be ".*"$/,
  /: Value should (?:match one of the values|have at least|be at least) /,
  /: All values fail against the false schema$/,
  /: The string value is not a match for the indicated regular expression$/,
  /: -?[\d.]+ should be (?:at least|at most|greater than) -?[\d.]+$/,
  // .NET's JSON nodes and the YAML scanner.
  /^Validation error: The node must be of type 'JsonObject'\.$/,
  /^Invalid YAML syntax: While (?:scanning|parsing) /,
  /^Expected 'StreamEnd', got 'DocumentStart' \(at Line: /,
];

/** Whether a message of FlowTime is worded by FlowTime itself. */
export function isOwnSentence(message: string): boolean {
  return !LIBRARY_WORDING.some((wording) => wording.test(message));
}

/** Findings that stand for faults which FlowTime words with its own sentences; the others stand for library wording. */
const OWN_CODES = new Set([
  ...["class_missing", "unknown_class", "duplicate_id", "unknown_output", "unknown_reference", "self_shift"],
  ...["const_length", "pmf_lengths", "pmf_duplicate_value", "pmf_sum", "unknown_series", "bad_date", "duplicate_key"],
  ...["unknown_overflow_target", "overflow_cycle", "duplicate_topology_id", "expression_syntax", "expression_meaning"],
  ...["cycle", "flowtime_d1", "flowtime_d2", "flowtime_d4", "flowtime_d7", "flowtime_d13", "queue_without_outflow"],
]);

/**
 * Holds our validation of a case against FlowTime's at every tier: the verdict, FlowTime's own sentences, the warnings.
 * FlowTime's schema tier lists all it finds, so there the sentences are the same ones. From its loader and its evaluation
 * FlowTime gives the first fault alone: there ours may be more, as long as that one is among them.
 * @returns tiers at which ours said more than FlowTime
 */
export function expectSameValidation(golden: ValidationCase): readonly ValidationTier[] {
  const more: ValidationTier[] = [];
  for (const tier of VALIDATION_TIERS) {
    const answer = golden[tier];
    const ours = validateModel(golden.yaml, { tier, profile: "direct" });
    const place = `${golden.case}, ${tier}`;
    if (answer.status === 400) {
      expect(ours, place).toMatchObject({ isValid: false, diagnostics: [{ code: "empty_document" }] });
      continue;
    }
    expect(ours.isValid, place).toBe(answer.isValid);
    for (const { span } of ours.diagnostics) expect(span, place).not.toBeNull();

    const theirs = answer.errors.map(({ message }) => message);
    const own = theirs.filter(isOwnSentence);
    const said = ours.diagnostics.filter(({ code }) => OWN_CODES.has(code)).map(({ message }) => message);
    const stopsAtFirst = golden.schema.status === 200 && golden.schema.isValid;
    if (stopsAtFirst && theirs.length > 0) {
      expect(theirs, place).toHaveLength(1);
      expect(
        own.filter((message) => !said.includes(message)),
        place,
      ).toEqual([]);
      if (ours.diagnostics.length > 1) more.push(tier);
    } else {
      const isFromSchema = ours.diagnostics.filter(({ tier: found }) => found !== "compile" && found !== "analyse");
      const schemaSaid = isFromSchema.filter(({ code }) => OWN_CODES.has(code)).map(({ message }) => message);
      expect([...schemaSaid].sort(), place).toEqual([...own].sort());
    }
    const warnings = ours.warnings.map(({ nodeId, code, message }) => ({ nodeId, code, message }));
    expect(warnings, place).toEqual(answer.warnings);
  }
  return more;
}
