import { isObject } from "./reader.ts";

/** Which members a JSON file of a run folder has (artifacts.md §4, §5 and §9). Further members are nobody's business. */
export type Shape = Readonly<Record<string, Member>>;

interface Member {
  readonly isOptional: boolean;
  /** Null, or what is wrong with the value: the end of a sentence that begins with its place. */
  readonly check: (value: unknown, place: string) => string | null;
}

/** Versions of run.json, index.json and manifest.json that FlowTime's readers take. */
const VERSIONS = [1, 2];
const HASH = /^sha256:[0-9a-f]{64}$/;

const text = member((value, place) => (typeof value === "string" ? null : `${place} is not a text`));
const count = member((value, place) => (Number.isInteger(value) ? null : `${place} is not a whole number`));
const flag = member((value, place) => (typeof value === "boolean" ? null : `${place} is neither true nor false`));
const object = member((value, place) => (isObject(value) ? null : `${place} is not an object`));
const list = member((value, place) => (Array.isArray(value) ? null : `${place} is not a list`));
const hash = member((value, place) =>
  typeof value === "string" && HASH.test(value) ? null : `${place} is not 'sha256:' and 64 hex digits`,
);
const time = member((value, place) =>
  typeof value === "string" && !Number.isNaN(Date.parse(value)) ? null : `${place} is not a time`,
);
const version = member((value, place) =>
  VERSIONS.includes(value as number)
    ? null
    : `${place} is ${JSON.stringify(value)}; versions ${VERSIONS.join(" and ")} can be read`,
);

const GRID: Shape = { bins: count, binSize: count, binUnit: text };

export const RUN_SHAPE: Shape = {
  schemaVersion: version,
  runId: text,
  engineVersion: text,
  source: text,
  inputHash: optional(nullable(text)),
  grid: shaped(GRID),
  modelHash: optional(hash),
  scenarioHash: hash,
  createdUtc: time,
  classCoverage: optional(text),
  warnings: optional(list),
  series: listOf({ id: text, path: text, unit: text }),
  classes: optional(list),
};

export const INDEX_SHAPE: Shape = {
  schemaVersion: version,
  grid: shaped(GRID),
  series: listOf({
    id: text,
    kind: text,
    path: text,
    unit: text,
    componentId: text,
    class: text,
    classKind: optional(text),
    points: count,
    hash,
  }),
  formats: optional(object),
  classes: optional(list),
  classCoverage: optional(text),
};

export const MANIFEST_SHAPE: Shape = {
  schemaVersion: version,
  scenarioHash: hash,
  rng: shaped({ kind: text, seed: count }),
  seriesHashes: object,
  eventCount: optional(count),
  createdUtc: time,
  modelHash: optional(hash),
  provenance: optional(shaped({ hasProvenance: flag, modelId: nullable(text), templateId: nullable(text) })),
};

export const METADATA_SHAPE: Shape = {
  schemaVersion: count,
  templateId: text,
  templateTitle: text,
  templateVersion: text,
  mode: text,
  modelHash: optional(hash),
  receivedAtUtc: time,
  parameters: object,
  hasTelemetrySources: flag,
  telemetrySources: list,
  nodeSources: object,
};

export const TELEMETRY_MANIFEST_SHAPE: Shape = {
  schemaVersion: count,
  grid: shaped(GRID),
  files: listOf({ nodeId: text, path: text, hash: optional(nullable(text)) }),
  warnings: optional(nullable(list)),
};

/** Every member that is missing or wrong, as sentences. */
export function shapeProblems(value: Readonly<Record<string, unknown>>, shape: Shape, place = ""): readonly string[] {
  const problems: string[] = [];
  for (const [name, { isOptional, check }] of Object.entries(shape)) {
    const here = place === "" ? `'${name}'` : `'${place}.${name}'`;
    const found = value[name];
    if (found === undefined) {
      if (!isOptional) problems.push(`${here} is missing`);
      continue;
    }
    const problem = check(found, here);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

function member(check: Member["check"]): Member {
  return { isOptional: false, check };
}

function optional({ check }: Member): Member {
  return { isOptional: true, check };
}

function nullable({ isOptional, check }: Member): Member {
  return { isOptional, check: (value, place) => (value === null ? null : check(value, place)) };
}

function shaped(shape: Shape): Member {
  return member((value, place) =>
    isObject(value) ? (shapeProblems(value, shape, bare(place))[0] ?? null) : `${place} is not an object`,
  );
}

function listOf(shape: Shape): Member {
  return member((value, place) => {
    if (!Array.isArray(value)) return `${place} is not a list`;
    for (const [index, item] of value.entries()) {
      const here = `${bare(place)}[${index}]`;
      if (!isObject(item)) return `'${here}' is not an object`;
      const problem = shapeProblems(item, shape, here)[0];
      if (problem !== undefined) return problem;
    }
    return null;
  });
}

function bare(place: string): string {
  return place.replaceAll("'", "");
}
