import { type ShortModel, topologyNodes } from "../../support/model-builder.ts";
import type { Vector } from "./vectors.ts";

const SHARED = `
  constraints:
    - { id: shared, semantics: { arrivals: limit, served: limit } }`;

/** S and P of T49 share a capacity; K takes what S tries. */
const CONSTRAINED: ShortModel = {
  nodes: [
    "arr=[10,10,0,10]",
    "srv=[5,9,3,9]",
    "err=[2,0,0,0]",
    "cap=8s",
    "depth=[5,15,12,22]",
    "p=[30,0,10,10]",
    "limit=[8,100,100,100]",
    "k=0s",
  ],
  topology: `${topologyNodes(
    "S:serviceWithBuffer arrivals=arr served=srv errors=err capacity=cap queueDepth=depth constraint=shared",
    "P:service arrivals=p served=p constraint=shared",
    "K:dependency arrivals=k served=k",
  )}
  edges:
    - { id: sk, from: S, to: K, type: effort, measure: attempts, multiplier: 2 }
    - { id: pk, from: P, to: K, type: throughput }${SHARED}`,
};

const SCHEDULED = (schedule: string): ShortModel => ({
  nodes: ["arr=[10,10,0,10]", "srv=[5,9,3,9]"],
  topology: topologyNodes(`S:service arrivals=arr served=srv${schedule}`),
});

const CAPACITY_ZERO = (maxAttempts: string): ShortModel => ({
  nodes: ["arr=[0,0]", "zero=[0,0]"],
  topology: topologyNodes(
    `S:service arrivals=arr served=arr capacity=zero processingTimeMsSum=arr servedCount=arr${maxAttempts}`,
  ),
});

/** The rows of the specification's table that are about warnings and about what queries answer. */
export const QUERY_VECTORS: readonly Vector[] = [
  {
    id: "T06",
    title: "texts that are no expressions",
    model: { nodes: ["a=[1]"] },
    faults: { "-a": 0, ".5*a": 0, "1e3": 1, "[1,-1]": 3, "MIN(a,)": 5, "1.": 2 },
  },
  {
    id: "T33",
    title: "a shared capacity is divided by demand",
    model: {
      nodes: ["a=[40]", "b=[60]", "limit=[50]"],
      topology: `${topologyNodes(
        "A:service arrivals=a served=a constraint=shared",
        "B:service arrivals=b served=b constraint=shared",
      )}${SHARED}`,
    },
    series: { a: [40], b: [60] },
    window: { A: { served: [20] }, B: { served: [30] } },
  },
  {
    id: "T33b",
    title: "demand that fits is left alone, no capacity leaves nothing",
    model: {
      nodes: ["a=[10,4,0]", "b=[30,4,0]", "sa=[9,4,1]", "sb=[30,4,1]", "limit=[20,20,0]"],
      topology: `${topologyNodes(
        "A:service arrivals=a served=sa constraint=shared",
        "B:service arrivals=b served=sb constraint=shared",
      )}${SHARED}`,
    },
    series: { sa: [9, 4, 1], sb: [30, 4, 1] },
    window: { A: { served: [5, 4, 0] }, B: { served: [15, 4, 0] } },
  },
  {
    id: "T33c",
    title: "a shared capacity that is enforced, also on what reads the served series",
    modes: { constraints: true },
    model: {
      nodes: ["a=[10,4,0]", "b=[30,4,0]", "sa=[9,4,1]", "sb=[30,4,1]", "limit=[20,20,0]", "after: sa+sb"],
      topology: `${topologyNodes(
        "A:service arrivals=a served=sa constraint=shared",
        "B:service arrivals=b served=sb constraint=shared",
      )}${SHARED}`,
    },
    series: { sa: [5, 4, 1], sb: [15, 4, 1], after: [20, 8, 2] },
  },
  {
    id: "T35",
    title: "volumes that contradict each other",
    model: {
      nodes: ["arr=[-1,-2,-3,-4,-5,-6,5]", "srv=[12,10,0,0,0,0,6]", "cap=[5,10,10,10,10,10,4]", "att=0s"],
      topology: topologyNodes(
        "S:service arrivals=arr served=srv capacity=cap parallelism=2 attempts=att failures=srv errors=cap",
      ),
    },
    warnings: [
      { code: "arrivals_negative", bins: [0, 1, 2, 3, 4], value: -1 },
      { code: "served_exceeds_arrivals", bins: [0, 1, 2, 3, 4], value: 12 },
      { code: "served_exceeds_capacity", bins: [0], value: 1.2 },
      { code: "errors_exceed_arrivals", bins: [0, 1, 2, 3, 4], value: 5 },
      { code: "attempts_below_arrivals", bins: [6], value: 0 },
      { code: "failures_exceed_attempts", bins: [0, 1, 6], value: 12_000_000 },
    ],
  },
  {
    id: "T36",
    title: "a missing retry budget hides that capacity is zero",
    model: CAPACITY_ZERO(" maxAttempts=3"),
    warnings: [{ code: "missing_exhausted_failures_series" }, { code: "missing_retry_budget_series" }],
    noWarnings: ["capacity_all_zero"],
  },
  { id: "T36b", title: "without one it shows", model: CAPACITY_ZERO(""), warnings: [{ code: "capacity_all_zero" }] },
  {
    id: "T37b",
    title: "figures of a service with a buffer",
    model: {
      nodes: [
        "arr=[12,12,12,12,4,4]",
        "srv=[6,6,6,0,10,10]",
        "cap=[5,5,5,5,5,0]",
        "pt=[3000,3000,0,100,200,200]",
        "sc: srv * 1",
      ],
      topology: topologyNodes(
        "Desk:serviceWithBuffer arrivals=arr served=srv capacity=cap parallelism=2 processingTimeMsSum=pt servedCount=sc slaMin=90",
      ),
    },
    window: {
      Desk: {
        queueTimeMs: [3_600_000, 7_200_000, 10_800_000, null, 8_640_000, 6_480_000],
        latencyMinutes: [60, 120, 180, null, 144, 108],
        serviceTimeMs: [500, 500, 0, null, 20, 20],
        utilization: [0.6, 0.6, 0.6, 0, 1, null],
      },
    },
    queryWarnings: [
      { code: "littles-law-non-stationary" },
      { code: "backlog_growth_streak", startBin: 0, endBin: 3 },
      { code: "backlog_overload_ratio", startBin: 0, endBin: 3 },
    ],
    noWarnings: ["backlog_age_risk"],
  },
  {
    id: "T38",
    title: "queue and service time add up",
    model: {
      nodes: ["depth=[10,8]", "srv=[5,4]", "pt=[500,200]", "count=[10,4]"],
      binUnit: "minutes",
      topology: topologyNodes(
        "B:serviceWithBuffer arrivals=srv served=srv queueDepth=depth processingTimeMsSum=pt servedCount=count",
      ),
    },
    window: {
      B: {
        queueTimeMs: [120_000, 120_000],
        serviceTimeMs: [50, 50],
        cycleTimeMs: [120_050, 120_050],
        flowEfficiency: [50 / 120_050, 50 / 120_050],
      },
    },
  },
  {
    id: "T39",
    title: "latency of the flow, by what comes from where",
    model: {
      nodes: ["a=[1]", "b=[3]", "pa=[1000]", "pb=[15000]", "all: a+b", "ps=[800]"],
      topology: `${topologyNodes(
        "A:service arrivals=a served=a processingTimeMsSum=pa servedCount=a",
        "B:service arrivals=b served=b processingTimeMsSum=pb servedCount=b",
        "Z:service arrivals=all served=all processingTimeMsSum=ps servedCount=all",
      )}
  edges:
    - { id: az, from: A, to: Z }
    - { id: bz, from: B, to: Z }`,
    },
    window: { A: { flowLatencyMs: [1000] }, B: { flowLatencyMs: [5000] }, Z: { flowLatencyMs: [4200] } },
  },
  {
    id: "T40",
    title: "attempts are derived from what was served and what failed",
    model: {
      nodes: ["arr=[16]", "srv=[8]", "err=[2]"],
      topology: topologyNodes("S:service arrivals=arr served=srv errors=err"),
    },
    window: { S: { attempts: [10], retryTax: [0.2], throughputRatio: [0.5] } },
  },
  {
    id: "T41",
    title: "a schedule holds completion between dispatches",
    model: SCHEDULED(" schedule=2,0"),
    sla: { S: { completion: [0.5, 0.5, 0.5, 0.5], scheduleAdherence: [1, null, 1, null] } },
  },
  {
    id: "T41b",
    title: "without a schedule a window holds, a snapshot does not",
    model: SCHEDULED(""),
    sla: { S: { completion: [0.5, 0.9, 0.9, 0.9] } },
    snapshots: [{ bin: 2, node: "S", sla: { completion: { status: "noEvents", value: null } } }],
  },
  {
    id: "T42",
    title: "colours",
    model: {
      nodes: ["srv=[0.69,0.7,0.9,0.9]", "cap=[1,1,1,0]", "late=[60,90,91,0]", "out=[60,60,60,0]"],
      topology: topologyNodes(
        "S:service arrivals=srv served=srv capacity=cap",
        "Q:queue arrivals=out served=out queueDepth=late slaMin=60",
        "D:dlq arrivals=out served=out queueDepth=late",
      ),
    },
    snapshots: ["green", "yellow", "red", "gray"].flatMap((color, bin) => [
      { bin, node: "S", figures: { color } },
      { bin, node: "Q", figures: { color } },
      { bin, node: "D", figures: { color: "dlq" } },
    ]),
  },
  {
    id: "T44",
    title: "queried values are rounded to six decimals, dust is zero",
    model: {
      nodes: ["a=[0.0000005,-0.0000005,0.0000000002,1.0000004999]"],
      topology: topologyNodes("S:service arrivals=a served=a"),
    },
    window: { S: { arrivals: [0.000001, -0.000001, 0, 1] } },
  },
  {
    id: "T49",
    title: "what a shared constraint leaves of a node's figures",
    model: CONSTRAINED,
    window: {
      S: {
        served: [2, 9, 0, 9],
        attempts: [7, 9, 3, 9],
        retryEcho: [0, 1.2, 0.6, 0.2],
        retryTax: [0.714286, 0, 1, 0],
        utilization: [0.25, 1.125, 0, 1.125],
        throughputRatio: [0.2, 0.9, null, 0.9],
        latencyMinutes: [60, 100, 240, 146.666667],
      },
      P: { served: [6, 0, 10, 10] },
      pk: { flowVolume: [6, 0, 10, 10] },
    },
    limited: { S: [1, 0, 0, 0] },
    sla: { S: { completion: [0.5, 0.9, 0.9, 0.9] } },
    snapshots: [{ bin: 0, node: "S", figures: { latencyMinutes: 150 } }],
  },
  {
    id: "T50",
    title: "an edge of attempts out of that node",
    model: CONSTRAINED,
    window: {
      sk: {
        flowVolume: [5, 9, 3, 9],
        attemptsVolume: [14, 18, 6, 18],
        failuresVolume: [4, 0, 0, 0],
        retryRate: [0.285714, 0, 0, 0],
        retryVolume: [9, 9, 3, 9],
      },
    },
  },
  {
    id: "T51b",
    title: "warnings about a queue that grows",
    model: {
      nodes: ["a=[6,6,6,9,9,9]", "b=2s", "in: a+b", "srv: MIN(in,5)", "q=buf(in,srv)", "cap=5s"],
      binSize: 30,
      binUnit: "minutes",
      arrivals: ["a: A", "b: B"],
      topology: topologyNodes("Q:serviceWithBuffer arrivals=in served=srv queueDepth=q capacity=cap slaMin=30"),
    },
    window: { Q: { latencyMinutes: [18, 36, 54, 90, 126, 162] } },
    queryWarnings: [
      { code: "littles-law-non-stationary" },
      { code: "backlog_growth_streak", startBin: 0, endBin: 5 },
      { code: "backlog_overload_ratio", startBin: 0, endBin: 5 },
      { code: "backlog_age_risk", startBin: 1, endBin: 5 },
    ],
  },
];
