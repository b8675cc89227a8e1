import { readFileSync } from "node:fs";
import path from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

const own = path.resolve(import.meta.dirname, "../../schemas");

/** Which schema a JSON file of a run folder or capture has; null for files that have none. */
export function schemaNameOf(file: string): SchemaName | null {
  const name = path.basename(file);
  if (file.endsWith("/live/run.json")) return "live-run";
  if (name === "index.json") return "series-index";
  if (name === "telemetry-manifest.json" || /(^|\/)(telemetry|capture)\/manifest\.json$/.test(file)) {
    return "telemetry-manifest";
  }
  const known = ["run", "manifest", "metadata", "provenance", "autocapture"] as const;
  return known.find((schema) => name === `${schema}.json`) ?? null;
}

export type SchemaName =
  | "run"
  | "series-index"
  | "manifest"
  | "metadata"
  | "provenance"
  | "telemetry-manifest"
  | "autocapture"
  | "live-run";

/** Our own published schema. */
export function ownSchema(name: SchemaName): ValidateFunction {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
  formats.default(ajv);
  return ajv.compile(JSON.parse(readFileSync(path.join(own, `${name}.schema.json`), "utf8")));
}

/** FlowTime's schema, read as FlowTime reads it: its `$schema` names no known draft and is taken out. */
export function flowtimeSchema(root: string, name: SchemaName): ValidateFunction {
  const { $schema: _, ...schema } = JSON.parse(readFileSync(path.join(root, "schemas", `${name}.schema.json`), "utf8"));
  return new Ajv({ allErrors: true, strict: false, validateFormats: false }).compile(schema);
}

/** One line for each error, with the place in the document. */
export function problemsOf(validate: ValidateFunction, document: unknown): readonly ErrorObject[] {
  return validate(document) ? [] : (validate.errors ?? []);
}
