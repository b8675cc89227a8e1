import { RUN_EVENT_NAMES, type RunEvent } from "../protocol/run-event.ts";

/** Text that is no event of the protocol; `message` names the event and the first field that is wrong. */
export class UnreadableEvent extends Error {}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isIndex: Check = (value) => Number.isSafeInteger(value) && (value as number) >= -1;
const isList: Check = Array.isArray;
const isRecord: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && wrongField(value as Record<string, unknown>, fields) === null;

const isByClass: Check = (value) => isRecord(value) && Object.values(value as object).every(isRecord);
const isDelta = shape({ id: isText, metrics: isRecord, byClass: optional(isByClass) });
const isWarning = shape({ key: isText, code: isText, message: isText, severity: isText, bins: isList });
const isWarningUpdate: Check = (value) =>
  shape({ action: isText })(value) &&
  ((value as { action: string }).action === "cleared" ? shape({ key: isText }) : shape({ warning: isWarning }))(value);

const UPDATE: Readonly<Record<string, Check>> = {
  runId: isText,
  epoch: isText,
  seq: isCount,
  binIndex: isCount,
  rev: isCount,
  startUtc: orNull(isText),
  nodes: listOf(isDelta),
  edges: listOf(isDelta),
  warnings: listOf(isWarningUpdate),
  hash: isText,
  prevHash: isText,
};

const GRID: Readonly<Record<string, Check>> = {
  bins: isCount,
  binSize: isCount,
  binUnit: isText,
  start: orNull(isText),
};

/** What this client relies on. Unknown fields and events are let through: additions do not break old clients. */
const FIELDS: { readonly [E in RunEvent["event"]]: Readonly<Record<string, Check>> } = {
  hello: {
    schemaVersion: isCount,
    runId: isText,
    epoch: isText,
    seq: isCount,
    sealedBin: isIndex,
    state: isText,
    grid: shape(GRID),
    nodes: listOf(shape({ id: isText, kind: isText })),
  },
  "snapshot-begin": { epoch: isText, seq: isCount, sealedBin: isIndex, pages: isCount, hash: isText },
  "snapshot-page": { page: isCount, bins: listOf(shape(UPDATE)) },
  "snapshot-end": { epoch: isText, seq: isCount, sealedBin: isIndex, hash: isText, warnings: listOf(isWarning) },
  bin: UPDATE,
  revision: { ...UPDATE, replaces: shape({ rev: isCount, hash: isText }) },
  adjustment: { seq: isCount, fromBin: isCount, set: isRecord },
  progress: { seq: isCount, sealedBin: isIndex },
  checkpoint: { seq: isCount, snapshotRunId: isText, sealedBin: isIndex },
  reset: { reason: isText },
  bye: { code: isText },
};

/** @throws UnreadableEvent */
export function decodeRunEvent(name: RunEvent["event"], text: string): RunEvent {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new UnreadableEvent(`the data of a "${name}" event is no JSON`);
  }
  if (!isRecord(data)) throw new UnreadableEvent(`the data of a "${name}" event is no object`);
  const wrong = wrongField(data as Record<string, unknown>, FIELDS[name]);
  if (wrong !== null) throw new UnreadableEvent(`"${wrong}" of a "${name}" event is missing or of the wrong kind`);
  return { event: name, data } as unknown as RunEvent;
}

export function isRunEventName(name: string): name is RunEvent["event"] {
  return (RUN_EVENT_NAMES as readonly string[]).includes(name);
}

function wrongField(data: Record<string, unknown>, fields: Readonly<Record<string, Check>>): string | null {
  for (const [name, check] of Object.entries(fields)) if (!check(data[name])) return name;
  return null;
}
