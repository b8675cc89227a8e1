import { describe, expect, test } from "vitest";
import { compactJson } from "../../../src/snapshot/dotnet-json.ts";
import { parseJson } from "../../../src/snapshot/json-text.ts";
import { metadataFile } from "../../../src/snapshot/metadata.ts";
import { manifestProvenance, readProvenance } from "../../../src/snapshot/provenance.ts";
import { decodeText } from "../../../src/snapshot/text-file.ts";

function metadataOf(specText: string, provenance: string | null = null) {
  const file = metadataFile({
    specText,
    provenance: readProvenance(provenance),
    modelHash: "sha256:0",
    receivedAtUtc: "2026-01-01T00:00:00.0000000Z",
  });
  return JSON.parse(decodeText(file.bytes));
}

describe("metadata", () => {
  test("takes the model's own block first, then the provenance, then defaults", () => {
    const spec = "schemaVersion: 2\nMetadata: {ID: mine, title: '', narrative: Once}\n";
    expect(metadataOf(spec, '{"templateId":"t","templateTitle":"T","templateVersion":"1.2.3"}')).toMatchObject({
      schemaVersion: 2,
      templateId: "mine",
      templateTitle: "T",
      templateNarrative: "Once",
      templateVersion: "1.2.3",
    });
    expect(metadataOf("a: [")).toMatchObject({ schemaVersion: 1, templateId: "adhoc-model", templateVersion: "0.0.0" });
  });

  test.each([
    ["mode: Telemetry\n", null, "telemetry"],
    ["mode: telemetry\n", '{"mode":" "}', "simulation"],
    ["provenance: {mode: Telemetry}\n", '{"mode":null}', "telemetry"],
    ["mode: ''\nprovenance: {mode: telemetry}\n", null, "simulation"],
  ])("mode of %j with provenance %j is %s", (spec, provenance, mode) => {
    expect(metadataOf(spec, provenance).mode).toBe(mode);
  });

  test("lists file references once, ignoring case, and sources of nodes by id", () => {
    const spec =
      "nodes:\n- {id: a, source: 'file://telemetry/a.csv'}\n- {id: b, source: 'file:b.csv'}\n- {id: c, source: http://x}\n" +
      "topology:\n  nodes:\n  - semantics: {served: 'FILE:B.csv', arrivals: 'file:in.csv', servedCount: plain}\n";
    expect(metadataOf(spec)).toMatchObject({
      hasTelemetrySources: true,
      telemetrySources: ["file://telemetry/a.csv", "file:b.csv", "file:in.csv"],
      nodeSources: { a: "file://telemetry/a.csv" },
    });
  });
});

describe("provenance", () => {
  test("stops at the first member of an unexpected type and keeps what came before", () => {
    expect(readProvenance('{"generator":"g","source":7,"mode":"m","templateId":"t"}')).toEqual({
      templateId: "t",
      mode: "m",
    });
    expect(readProvenance("[1]")).toEqual({});
    expect(readProvenance("no json")).toEqual({});
    expect(readProvenance('{"generatedAt":null,"generatedAtUtc":"x"}')).toEqual({ generatedAtUtc: null });
  });

  test("copies parameters with their order and number types", () => {
    const text =
      '{"parameters":{"b":1,"10":2.0,"2":9007199254740993,"big":123456789012345678901234567890,"n":[null,{}]}}';
    const { parameters } = readProvenance(text);
    expect(compactJson(parameters ?? null)).toBe(
      '{"b":1,"10":2,"2":9007199254740993,"big":1.2345678901234568E+29,"n":[null,{}]}',
    );
  });

  test("in the manifest falls back to nulls when it cannot be read", () => {
    const written = (text: string | null, hash: string | null) => {
      const value = manifestProvenance(text, hash);
      return value === undefined ? undefined : compactJson(value);
    };
    expect(written(null, "h")).toBeUndefined();
    expect(written("{", null)).toBe('{"hasProvenance":true,"modelId":null,"templateId":null}');
    expect(written('{"modelId":"m","inputHash":"own"}', null)).toBe(
      '{"hasProvenance":true,"modelId":"m","templateId":null,"inputHash":"own"}',
    );
    expect(written('{"modelId":5,"templateId":"t"}', "asked")).toBe(
      '{"hasProvenance":true,"modelId":null,"templateId":null,"inputHash":"asked"}',
    );
  });
});

describe("reading JSON to write it again", () => {
  test.each(['{"a":[1,2.5,-0.0,"\\u0041\\"",true,false,null,{}],"b":{}}', " [ ] ", '"x"', "-0"])("%s", (text) => {
    expect(JSON.parse(compactJson(parseJson(text) ?? null))).toEqual(JSON.parse(text) === 0 ? 0 : JSON.parse(text));
  });
  test("a key given twice keeps its first place and its last value", () => {
    expect(compactJson(parseJson('{"a":1,"b":2,"a":3}') ?? null)).toBe('{"a":3,"b":2}');
  });
  test.each(["", "{", "[1,]", "01", "'a'", "[".repeat(100) + "]".repeat(100)])("refuses %j", (text) => {
    expect(parseJson(text)).toBeUndefined();
  });
});
