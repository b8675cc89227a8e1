// Writes the bundles and models under fixtures/ that are this project's own. The same seed gives the same bytes:
//   node scripts/make-fixtures.mjs [FOLDER]
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SEED = 20_261_123;
const BINS = 48;
const root = path.resolve(process.argv[2] ?? path.join(path.dirname(fileURLToPath(import.meta.url)), "../fixtures"));

/** Four hours of a morning in 5-minute bins: orders rise to a peak, then billing loses most of its capacity for a while. */
const INCIDENT = { first: 20, last: 27, capacityShare: 0.45, errorRate: 0.12 };
const CALM_ERROR_RATE = 0.02;

const random = mulberry32(SEED);
const bins = Array.from({ length: BINS }, (_, bin) => bin);
const isIncident = (bin) => bin >= INCIDENT.first && bin <= INCIDENT.last;

const arrivals = bins.map((bin) => {
  const morning = 60 + 55 * Math.sin((Math.PI * (bin + 6)) / 60) ** 2;
  return Math.round(morning + 14 * (random() - 0.5));
});
const intakeServed = arrivals.map((count) => Math.min(count, 108));
const billingCapacity = bins.map((bin) =>
  Math.round((isIncident(bin) ? INCIDENT.capacityShare : 1) * (116 + 8 * random())),
);
const billingErrors = bins.map((bin) => {
  const rate = isIncident(bin) ? INCIDENT.errorRate : CALM_ERROR_RATE;
  const handled = Math.min(intakeServed[bin], billingCapacity[bin]);
  return Math.round(handled * rate * (0.7 + 0.6 * random()));
});
const shippingCapacity = bins.map((bin) => Math.round(108 + 6 * Math.cos((Math.PI * bin) / 24) + 4 * random()));

const planned = (value) => `[${Array(BINS).fill(value).join(", ")}]`;

const orderPipeline = `schemaVersion: 1
grid:
  bins: ${BINS}
  binSize: 5
  binUnit: minutes
  start: 2026-11-23T06:00:00Z

# Orders come in, wait for billing, are billed (failed payments are tried again some bins later) and shipped.
# What the bundle observes replaces the planned figures; everything else is computed from it, bin by bin.
nodes:
  # Observed: planned values, for a simulation without telemetry.
  - id: order_arrivals
    kind: const
    values: ${planned(90)}
  - id: intake_served
    kind: const
    values: ${planned(90)}
  - id: billing_capacity
    kind: const
    values: ${planned(118)}
  - id: billing_errors
    kind: const
    values: ${planned(2)}
  - id: shipping_capacity
    kind: const
    values: ${planned(110)}

  # Failed payments come back: 60 % after one bin, 25 % after two, 10 % after three; the rest is given up.
  - id: billing_retries
    kind: expr
    expr: CONV(SHIFT(billing_errors, 1), [0.6, 0.25, 0.1])
  - id: billing_given_up
    kind: expr
    expr: 0.05 * SHIFT(billing_errors, 4)

  # Retries go first; what capacity is left takes orders from the queue.
  - id: queue_release
    kind: expr
    expr: MIN(SHIFT(order_queue, 1) + intake_served, MAX(0, billing_capacity - billing_retries))
  - id: order_queue
    kind: serviceWithBuffer
    inflow: intake_served
    outflow: queue_release

  - id: billing_attempts
    kind: expr
    expr: queue_release + billing_retries
  - id: billing_served
    kind: expr
    expr: MAX(0, billing_attempts - billing_errors)
  - id: billing_work_ms
    kind: expr
    expr: billing_attempts * 850

  - id: shipped
    kind: expr
    expr: MIN(SHIFT(shipping_queue, 1) + billing_served, shipping_capacity)
  - id: shipping_queue
    kind: serviceWithBuffer
    inflow: billing_served
    outflow: shipped
  - id: dead_letter_cleanup
    kind: expr
    expr: PULSE(12, 11, 4)

outputs:
  - series: "*"

topology:
  nodes:
    - id: Intake
      kind: service
      semantics:
        arrivals: order_arrivals
        served: intake_served
    - id: OrderQueue
      kind: queue
      semantics:
        arrivals: intake_served
        served: queue_release
        queueDepth: order_queue
    - id: Billing
      kind: service
      semantics:
        arrivals: billing_attempts
        served: billing_served
        errors: billing_errors
        attempts: billing_attempts
        failures: billing_errors
        retryEcho: billing_retries
        capacity: billing_capacity
        processingTimeMsSum: billing_work_ms
        servedCount: billing_served
        slaMin: 10
    - id: Shipping
      kind: serviceWithBuffer
      semantics:
        arrivals: billing_served
        served: shipped
        queueDepth: shipping_queue
        capacity: shipping_capacity
        slaMin: 15
    - id: DeadLetters
      kind: dlq
      semantics:
        arrivals: billing_given_up
        served: dead_letter_cleanup
  edges:
    - from: Intake:out
      to: OrderQueue:in
    - from: OrderQueue:out
      to: Billing:in
    - from: Billing:out
      to: Shipping:in
    - from: Billing:errors
      to: DeadLetters:in
      type: terminal
      measure: errors
`;

writeBundle("order-pipeline", {
  model: orderPipeline,
  files: [
    ["Intake", "Arrivals", "Intake_arrivals.csv", arrivals],
    ["Intake", "Served", "Intake_served.csv", intakeServed],
    // One series in two roles: what intake lets through is what the queue receives.
    ["OrderQueue", "Arrivals", "Intake_served.csv", intakeServed],
    ["Billing", "Errors", "Billing_errors.csv", billingErrors],
    ["Billing", "Capacity", "Billing_capacity.csv", billingCapacity],
    ["Shipping", "Capacity", "Shipping_capacity.csv", shippingCapacity],
  ],
  bins: BINS,
  binSize: 5,
  start: "2026-11-23T06:00:00Z",
});

const sensors = 12;
const sensorModel = `schemaVersion: 1
grid:
  bins: ${sensors}
  binSize: 15
  binUnit: minutes
  start: 2026-11-23T00:00:00Z
nodes:
  - id: calls
    kind: const
    values: [${Array(sensors).fill(20).join(", ")}]
  - id: answered
    kind: const
    values: [${Array(sensors).fill(18).join(", ")}]
  - id: waiting
    kind: serviceWithBuffer
    inflow: calls
    outflow: answered
outputs:
  - series: "*"
topology:
  nodes:
    - id: Desk
      kind: service
      semantics:
        arrivals: calls
        served: answered
        queueDepth: waiting
  edges: []
`;
// Bin 3 has an empty value, bin 5 no row, bins 8 and 9 no row in both files, bin 11 a NaN.
const GAP = undefined;
writeBundle("missing-bins", {
  model: sensorModel,
  files: [
    ["Desk", "Arrivals", "Desk_arrivals.csv", [18, 21, 25, "", 30, GAP, 24, 22, GAP, GAP, 19, 17]],
    ["Desk", "Served", "Desk_served.csv", [18, 20, 20, 20, 22, 24, 24, "", GAP, GAP, 22, "NaN"]],
  ],
  bins: sensors,
  binSize: 15,
  start: "2026-11-23T00:00:00Z",
});

writeModels();

function writeBundle(name, { model, files, bins: count, binSize, start }) {
  const folder = path.join(root, "bundles", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "model.yaml"), model);
  const entries = files.map(([nodeId, metric, file, values]) => {
    const rows = values.flatMap((value, bin) => (value === undefined ? [] : [`${bin},DEFAULT,${value}\n`]));
    const csv = `bin_index,classId,value\n${rows.join("")}`;
    writeFileSync(path.join(folder, file), csv);
    return { nodeId, metric, path: file, hash: sha256(csv), points: count, classId: "DEFAULT" };
  });
  const manifest = {
    schemaVersion: 2,
    window: { startTimeUtc: start, durationMinutes: count * binSize },
    grid: { bins: count, binSize, binUnit: "minutes" },
    files: entries,
    warnings: [],
    provenance: {
      runId: `fixture_${name}`,
      scenarioHash: sha256(model),
      capturedAtUtc: "2026-11-23T10:05:00.0000000Z",
    },
    supportsClassMetrics: false,
    classCoverage: "missing",
  };
  writeFileSync(path.join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Small models for `flowtime validate` and `run`, one good and the usual mistakes. */
function writeModels() {
  const folder = path.join(root, "models");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const head = "schemaVersion: 1\ngrid:\n  bins: 4\n  binSize: 1\n  binUnit: hours\n  start: 2026-11-23T00:00:00Z\n";
  const demand = "nodes:\n  - id: demand\n    kind: const\n    values: [10, 20, 30, 40]\n";
  const models = {
    "hello.yaml": `${head}${demand}  - id: served\n    kind: expr\n    expr: MIN(demand, 25)\noutputs:\n  - series: served\n`,
    "broken-yaml.yaml": `${head}nodes:\n  - id: demand\n    kind: const\n    values: [10, 20, 30\n  - id: served\n`,
    "several-mistakes.yaml": `${head.replace("bins: 4", "bins: 0")}${demand}  - id: served\n    kind: exprr\n    expr: MIN(demand, 25)\n  - id: demand\n    kind: expr\n    expr: 1 + 1\n`,
    "unknown-series.yaml": `${head}${demand}  - id: served\n    kind: expr\n    expr: MIN(demand, capacty)\n`,
    "cycle.yaml": `${head}nodes:\n  - id: a\n    kind: expr\n    expr: b + 1\n  - id: b\n    kind: expr\n    expr: a + 1\n`,
  };
  for (const [name, text] of Object.entries(models)) writeFileSync(path.join(folder, name), text);
}

function sha256(text) {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** Numbers in [0, 1) from a seed. */
function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
