import type { Warning } from "../../../src/analysis/warning.ts";
import type { SeriesRole } from "../../../src/model/model.ts";
import type { EnforcementModes } from "../../../src/model/plan.ts";
import { type ShortModel, topologyNodes } from "../../support/model-builder.ts";

/** A row of the specification's table (engine.md §12): a model, and what every way of evaluating it must give. */
export interface Vector {
  /** Number in the table, with a letter where a row holds several models. */
  readonly id: string;
  readonly title: string;
  readonly model: ShortModel;
  /** Limits that are enforced. Default none. */
  readonly modes?: Partial<EnforcementModes>;
  /**
   * References that validation refuses, as it wants every series declared, put in behind it: compilation must still do as
   * FlowTime's, which its orchestrated runs reach without validation. As `node.role`.
   */
  readonly unvalidated?: Readonly<Record<`${string}.${SeriesRole}`, string>>;
  /** Whole series to the last bit: of a node by its id, of a class by `node@class`, of an edge by `edge metric`. */
  readonly series?: Readonly<Record<string, readonly number[]>>;
  /** Names as in `series` that must have no series. */
  readonly absent?: readonly string[];
  readonly order?: readonly string[];
  /** Ids that compilation generates. */
  readonly generated?: readonly string[];
  /** Expression text of generated nodes. */
  readonly expressions?: Readonly<Record<string, string>>;
  /** Rewritten references, as `node.role`. */
  readonly references?: Readonly<Record<`${string}.${SeriesRole}`, string>>;
  /** Series of a window over all bins, by node and by edge. */
  readonly window?: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
  /** Values of targets in that window, by node and kind. */
  readonly sla?: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
  /** Figures of a node in the snapshot of a bin, among others; `sla` by kind. */
  readonly snapshots?: readonly {
    readonly bin: number;
    readonly node: string;
    readonly figures?: Readonly<Record<string, number | string | null>>;
    readonly sla?: Readonly<Record<string, { readonly status: string; readonly value: number | null }>>;
  }[];
  /** Constraint status in the window, by node. */
  readonly limited?: Readonly<Record<string, readonly number[]>>;
  /** What queries find about single nodes and the window, by code; streaks with their bins. */
  readonly queryWarnings?: readonly { readonly code: string; readonly startBin?: number; readonly endBin?: number }[];
  /** Codes that must be among neither kind of warnings. */
  readonly noWarnings?: readonly string[];
  /** Position of the fault in each text that is no expression. */
  readonly faults?: Readonly<Record<string, number>>;
  /** Warnings that must be active at the end, among others. */
  readonly warnings?: readonly Partial<Warning>[];
  /** The model is refused, in these words among others. */
  readonly refused?: string;
}

/**
 * The rows about evaluation; those about queries are in query-vectors.ts. Where FlowTime fails or reads zeros by a defect (D1–D5) the causal solution stands, which the table names too.
 */
export const VECTORS: readonly Vector[] = [
  {
    id: "T01",
    title: "precedence, left-associative operators",
    model: { nodes: ["a=[1]", "b=[3]", "x: 2*3+4*(1+1)/4-1", "y: 8/4/2", "z: a - b - 1"] },
    series: { x: [7], y: [1], z: [-3] },
  },
  {
    id: "T02",
    title: "SHIFT, CONV and PULSE",
    model: {
      nodes: ["a=[1,2,3,4,5]", "s: SHIFT(a,2)", "c: CONV(a,[0.5,0.25])", "p: PULSE(2,1,a)", "far: SHIFT(a,9)"],
    },
    series: { s: [0, 0, 1, 2, 3], c: [0.5, 1.25, 2, 2.75, 3.5], p: [0, 2, 0, 4, 0], far: [0, 0, 0, 0, 0] },
  },
  {
    id: "T03",
    title: "division and MOD, by zero and by negative numbers",
    model: { nodes: ["a=[1,-2,0,7]", "b=[3,3,3,0]", "d: a/b", "m: MOD(a,b)", "n: MOD(a,0-3)"] },
    series: {
      d: [0.3333333333333333, -0.6666666666666666, 0, 0],
      m: [1, 1, 0, 0],
      n: [-2, -2, 0, -2],
    },
  },
  {
    id: "T04",
    title: "rounding, STEP and CLAMP, also with crossed bounds",
    model: {
      nodes: [
        "a=[10,4,0]",
        "r: FLOOR(a/4)+CEIL(a/4)*10+ROUND(a/4)*100",
        "s: STEP(a,4)+CLAMP(a,1,5)*10",
        "crossed: CLAMP(a,5,2)",
      ],
    },
    series: { r: [332, 111, 0], s: [51, 41, 10], crossed: [5, 5, 5] },
  },
  {
    id: "T05",
    title: "CONV with one number and with none, SHIFT of SHIFT, halves away from zero",
    model: { nodes: ["a=[1,-2,0,7]", "c: CONV(a,2)", "n: CONV(a,[])", "s: SHIFT(SHIFT(a,1),1)", "r: ROUND(a/2)"] },
    series: { c: [2, -4, 0, 14], n: [0, 0, 0, 0], s: [0, 0, 1, -2], r: [1, -1, 0, 4] },
  },
  {
    id: "T07",
    title: "composite arguments of SHIFT and CONV",
    model: { nodes: ["a=[1,2,3,4]", "b: a*10", "c: SHIFT(b+CONV(b,[1,1]),1)", "d: CONV(SHIFT(a,1),[1,10])"] },
    order: ["a", "c", "d", "b"],
    series: { c: [0, 20, 50, 80], d: [0, 1, 12, 23] },
  },
  {
    id: "T08",
    title: "feedback through SHIFT, with CONV inside the loop",
    model: { nodes: ["a=1s", "x: a+SHIFT(z,2)", "y: x*2", "z: y+CONV(x,[0,1])"], bins: 4 },
    series: { x: [1, 1, 3, 4], y: [2, 2, 6, 8], z: [2, 3, 7, 11] },
  },
  {
    id: "T09",
    title: "pmf: the expected value in every bin",
    model: { nodes: ["p=pmf{10:.5,20:.25,40:.25}", "almost=pmf{10:.5,30:.5000004}"], bins: 2 },
    series: { p: [20, 20], almost: [20.000011999999998, 20.000011999999998] },
  },
  {
    id: "T09b",
    title: "pmf whose probabilities miss 1 by far",
    model: { nodes: ["p=pmf{1:1,2:3}"] },
    refused: "probabilities",
  },
  {
    id: "T10",
    title: "queue with loss and initial depth",
    model: {
      nodes: ["arr=[10,0,0,3]", "srv=4s", "bad=[1,0,0,0]", "q=buf(arr,srv,bad)"],
      topology: topologyNodes("Desk:queue arrivals=arr served=srv queueDepth=q initial=2"),
    },
    generated: [],
    series: { q: [7, 3, 0, 0] },
  },
  {
    id: "T11",
    title: "queue that runs empty and fills again",
    model: { nodes: ["arr=[10,10,0,5]", "srv=6s", "q=buf(arr,srv)"] },
    series: { q: [4, 8, 2, 1] },
  },
  {
    id: "T12",
    title: "dispatch schedule with a negative phase and a capacity",
    model: {
      nodes: ["arr=5s", "srv=9s", "gate=[4,4,4,4,4,20]", "q=buf(arr,srv)"],
      schedules: { q: "3,-1,gate" },
    },
    series: { q: [5, 10, 11, 16, 21, 17], srv: [9, 9, 9, 9, 9, 9] },
  },
  {
    id: "T13",
    title: "dispatch schedule with a phase beyond the period, seen by the analysis",
    model: {
      nodes: ["arr=5s", "srv=9s", "gate=[4,4,4,4]", "q=buf(arr,srv)"],
      schedules: { q: "3,4,gate" },
      topology: topologyNodes("Desk:queue arrivals=arr served=srv queueDepth=q"),
    },
    series: { q: [5, 6, 11, 16] },
    warnings: [
      { code: "queue_depth_mismatch", bins: [1, 2, 3] },
      { code: "served_exceeds_arrivals", bins: [0, 1, 2, 3], value: 1.8 },
    ],
  },
  {
    id: "T14",
    title: "a gate that is closed while work waits",
    model: {
      nodes: ["arr=5s", "srv=[9,0,9,0]"],
      topology: topologyNodes("Desk:queue arrivals=arr served=srv schedule=2,0"),
    },
    generated: ["desk_queue"],
    series: { desk_queue: [0, 5, 1, 6] },
    warnings: [
      { code: "queue_latency_gate_closed", bins: [1, 3] },
      { code: "served_exceeds_arrivals", bins: [0, 2], value: 1.8 },
    ],
  },
  {
    id: "T15",
    title: "the gate alone, seen in a queue that never runs empty",
    model: {
      nodes: ["in=100s", "out=[10,12,14,16,18]", "cap=5s", "q=buf(in,out)"],
      schedules: { q: "2,1,cap" },
    },
    series: { q: [100, 195, 295, 390, 490] },
  },
  {
    id: "T15b",
    title: "the gate alone, with a capacity that changes",
    model: {
      nodes: ["in=100s", "out=[3,7,11,13]", "cap=[2,4,6,8]", "q=buf(in,out)"],
      schedules: { q: "3,0,cap" },
    },
    series: { q: [98, 198, 298, 390] },
  },
  {
    id: "T16",
    title: "a WIP limit is not enforced, as in FlowTime's runs (D11)",
    model: {
      nodes: ["in=10s", "out=2s"],
      bins: 4,
      topology: topologyNodes("Desk:serviceWithBuffer arrivals=in served=out wipLimit=20"),
    },
    series: { desk_queue: [8, 16, 24, 32] },
  },
  {
    id: "T16b",
    title: "a WIP limit that is enforced: what is beyond it vanishes",
    modes: { wip: true },
    model: {
      nodes: ["in=10s", "out=2s"],
      bins: 4,
      topology: topologyNodes("Desk:serviceWithBuffer arrivals=in served=out wipLimit=20"),
    },
    generated: ["desk_queue_wip_limit", "desk_queue", "desk_queue_overflow"],
    series: { desk_queue: [8, 16, 20, 20], desk_queue_overflow: [0, 0, 4, 8], in: [10, 10, 10, 10] },
  },
  {
    id: "T16c",
    title: "a WIP limit that changes, is negative or is no number",
    modes: { wip: true },
    model: {
      nodes: ["in=10s", "out=2s", "limit=[20,5,-3,100]", "zero=0s", "mad: limit/zero*2 + limit", "wild: 1/(limit-20)"],
      topology: topologyNodes("Desk:serviceWithBuffer arrivals=in served=out wipLimit=1 wipLimitSeries=limit"),
    },
    series: { desk_queue: [8, 5, 0, 8], desk_queue_overflow: [0, 11, 13, 0] },
  },
  {
    id: "T17",
    title: "overflow joins the inflow of another queue, for whoever reads it",
    modes: { wip: true },
    model: {
      nodes: ["in=10s", "out=3s", "dlq_in=0s", "dlq_out=1s", "seen: dlq_in*2"],
      bins: 4,
      topology: topologyNodes(
        "Q:serviceWithBuffer arrivals=in served=out wipLimit=20 wipOverflow=DLQ",
        "DLQ:dlq arrivals=dlq_in served=dlq_out",
      ),
    },
    references: { "Q.queueDepth": "q_queue", "DLQ.queueDepth": "d_l_q_queue" },
    series: { q_queue: [7, 14, 20, 20], dlq_in: [0, 0, 1, 7], d_l_q_queue: [0, 0, 0, 6], seen: [0, 0, 2, 14] },
  },
  {
    id: "T18",
    title: "overflow of overflow",
    modes: { wip: true },
    model: {
      nodes: ["a_in=10s", "b_in=0s", "c_in=0s", "none=0s"],
      bins: 4,
      topology: topologyNodes(
        "A:queue arrivals=a_in served=none wipLimit=5 wipOverflow=B",
        "B:queue arrivals=b_in served=none wipLimit=3 wipOverflow=C",
        "C:queue arrivals=c_in served=none",
      ),
    },
    series: {
      a_queue: [5, 5, 5, 5],
      b_queue: [3, 3, 3, 3],
      c_queue: [2, 12, 22, 32],
      a_queue_overflow: [5, 10, 10, 10],
      b_queue_overflow: [2, 10, 10, 10],
    },
  },
  {
    id: "T19",
    title: "back pressure",
    model: {
      nodes: [
        "raw=100s",
        "served=20s",
        "pressure: CLAMP(queue_depth/50,0,1)",
        "eff: raw*(1-SHIFT(pressure,1))",
        "queue_depth=buf(eff,served)",
      ],
      bins: 4,
    },
    series: { queue_depth: [80, 60, 40, 40], eff: [100, 0, 0, 19.999999999999996], pressure: [1, 1, 0.8, 0.8] },
  },
  {
    id: "T20",
    title: "a loop that grows",
    model: { nodes: ["one=1s", "x: SHIFT(y,1)+one", "y: x*2"], bins: 4 },
    series: { x: [1, 3, 7, 15], y: [2, 6, 14, 30] },
  },
  {
    id: "T21",
    title: "a lagged reference to a const declared later (D2)",
    model: { nodes: ["lag: SHIFT(b,1)", "b=[1,2,3,4]"] },
    series: { lag: [0, 1, 2, 3] },
  },
  {
    id: "T22",
    title: "overlapping loops (D3)",
    model: { nodes: ["a: SHIFT(c,1)+1", "b: SHIFT(d,1)+1", "c: a*1", "d: b*1"], bins: 4 },
    series: { a: [1, 2, 3, 4], c: [1, 2, 3, 4], b: [1, 2, 3, 4], d: [1, 2, 3, 4] },
  },
  {
    id: "T23",
    title: "a node that shifts itself (D4); the initial condition does not seed it",
    model: {
      nodes: ["one=1s", "x: SHIFT(x,1)+one"],
      bins: 4,
      topology: topologyNodes("Desk:service arrivals=one served=one queueDepth=x initial=5"),
    },
    series: { x: [1, 2, 3, 4] },
  },
  {
    id: "T24",
    unvalidated: { "Desk.retryEcho": "e1" },
    title: "retry echo of errors by the default kernel",
    model: {
      nodes: ["err=[2,0,0,0]"],
      topology: topologyNodes("Desk:service arrivals=err served=err errors=err"),
    },
    generated: ["e1"],
    expressions: { e1: "CONV(err, [0, 0.6, 0.3, 0.1])" },
    series: { e1: [0, 1.2, 0.6, 0.2] },
  },
  {
    id: "T25",
    unvalidated: { "Desk.retryEcho": "e1" },
    title: "retry echo by a kernel that returns more than came",
    model: {
      nodes: ["err=[2,0,0,0]"],
      topology: topologyNodes("Desk:service arrivals=err served=err errors=err retryKernel=[0,0.9,0.6]"),
    },
    series: { e1: [0, 1.2, 0.7999999999999999, 0] },
  },
  {
    id: "T26",
    unvalidated: { "Desk.retryEcho": "e1" },
    title: "retry echo by a kernel that is too long as well",
    model: {
      nodes: ["err=[1,0,0,0]"],
      topology: topologyNodes(
        `Desk:service arrivals=err served=err errors=err retryKernel=[${Array(37).fill("0.05").join(",")}]`,
      ),
    },
    expressions: { e1: `CONV(err, [${Array(32).fill("0.031249999999999986").join(", ")}])` },
    series: { e1: [0.031249999999999986, 0.031249999999999986, 0.031249999999999986, 0.031249999999999986] },
  },
  {
    id: "T37",
    title: "the queue of a service with a buffer",
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
    generated: ["desk_queue"],
    series: { desk_queue: [6, 12, 18, 30, 24, 18] },
  },
  {
    id: "T43",
    unvalidated: { "Big Hub.queueDepth": "bigq" },
    title: "ids of generated queues",
    model: {
      nodes: ["a=[1]", "order_hub_queue=[7]"],
      topology: topologyNodes(
        "OrderHub:Queue arrivals=a served=a",
        "DLQ:dlq arrivals=a served=a",
        "Big Hub:queue arrivals=a served=a",
      ),
    },
    generated: ["order_hub_queue_1", "d_l_q_queue", "bigq"],
    references: {
      "OrderHub.queueDepth": "order_hub_queue_1",
      "DLQ.queueDepth": "d_l_q_queue",
      "Big Hub.queueDepth": "bigq",
    },
    series: { order_hub_queue: [7], order_hub_queue_1: [0], d_l_q_queue: [0], bigq: [0] },
  },
  {
    id: "T45",
    title: "one series as inflow and as outflow (D1)",
    model: { nodes: ["a=[3,4]", "q=buf(a,a)"] },
    series: { q: [0, 0] },
  },
  {
    id: "T46",
    title: "one node read in the same bin and earlier",
    model: { nodes: ["a=[1,2,3,4]", "x: b+SHIFT(b,1)", "b: a*10"] },
    series: { x: [10, 30, 50, 70] },
  },
  {
    id: "T47",
    title: "a schedule that never comes round",
    model: {
      nodes: ["arr=10s", "srv=0s"],
      bins: 4,
      topology: topologyNodes("Desk:queue arrivals=arr served=srv schedule=9,8"),
    },
    series: { desk_queue: [10, 20, 30, 40] },
    warnings: [{ code: "dispatch_never_releases" }],
  },
  {
    id: "T27",
    title: "a router by class and by weight",
    model: {
      nodes: [
        "g=[4,6]",
        "s=[6,4]",
        "all: g+s",
        "fast=0s",
        "slow=0s",
        "r=route(all; slow*1; fast@Gold)",
        "total: fast+slow",
      ],
      arrivals: ["g: Gold", "s: Std"],
    },
    series: { fast: [4, 6], slow: [6, 4], total: [10, 10], "total@Gold": [4, 6], "total@Std": [6, 4] },
    absent: ["fast@Std"],
  },
  {
    id: "T28",
    title: "a router behind a router sees values from before routing (D6)",
    model: {
      nodes: [
        "src=[100,50,0]",
        "r1=route(src; t1*3; t2*1)",
        "r2=route(t1; u1*1; u2*1)",
        "t1=0s",
        "t2: src*0",
        "u1=1s",
        "u2=1s",
        "down: t2*2+u1",
      ],
    },
    series: {
      t1: [75, 37.5, 0],
      t2: [25, 12.5, 0],
      r2: [75, 37.5, 0],
      u1: [0, 0, 0],
      u2: [0, 0, 0],
      down: [50, 25, 0],
    },
  },
  {
    id: "T29",
    title: "the last class assigned to a node counts",
    model: { nodes: ["src=8s", "dbl: src*2"], bins: 2, arrivals: ["src: A", "src: B"] },
    series: { "src@B": [8, 8], "dbl@B": [16, 16] },
    absent: ["src@A", "dbl@A"],
  },
  {
    id: "T30",
    title: "class algebra",
    model: {
      nodes: [
        "a=[10,20,0]",
        "b=[30,20,8]",
        "src: a+b",
        "served: MIN(src,20)",
        "ratio: served/src",
        "mx: MAX(a,b)",
        "diff: a-b",
        "fl: FLOOR(a/3)",
      ],
      arrivals: ["a: A", "b: B"],
    },
    series: {
      "served@A": [5, 10, 0],
      "served@B": [15, 10, 8],
      "ratio@A": [0.125, 0.25, 0],
      "ratio@B": [0.375, 0.25, 1],
      "mx@A": [0, 20, 0],
      "mx@B": [30, 0, 8],
      "diff@A": [10, 20, 0],
      "diff@B": [-30, -20, -8],
      "fl@A": [3, 6, 0],
    },
  },
  {
    id: "T31",
    title: "classes of a queue, of what leaves it and of what reads both",
    model: {
      nodes: ["a=[6,6,0]", "b=[2,2,0]", "in: a+b", "out=4s", "q=buf(in,out)", "late: q+out"],
      arrivals: ["a: A", "b: B"],
    },
    series: {
      q: [4, 8, 4],
      "q@A": [3, 6, 3],
      "q@B": [1, 2, 1],
      "out@A": [3, 3, 0],
      "out@B": [1, 1, 0],
      "late@A": [6, 9, 6],
    },
  },
  {
    id: "T32",
    title: "a gate shuts the classes of the outflow (D8)",
    model: {
      nodes: ["a=6s", "b=2s", "in: a+b", "out: in*1", "q=buf(in,out)"],
      bins: 4,
      schedules: { q: "2,0" },
      arrivals: ["a: A", "b: B"],
    },
    series: {
      q: [0, 8, 8, 16],
      "q@A": [0, 6, 6, 12],
      out: [8, 8, 8, 8],
      "out@A": [6, 0, 6, 0],
      "out@B": [2, 0, 2, 0],
    },
  },
  {
    id: "T34",
    title: "throughput, effort, terminal and retry edges",
    model: {
      nodes: [
        // The table's "9s" would differ by 9 in bin 3 as well; its warning is that of a series that ends with the flow.
        "arr=[9,9,9,0]",
        "srv=[12,12,12,0]",
        "att=[16,16,16,0]",
        "exh=[1,0,0,0]",
        "bsrv: srv/4",
        "echo=[0,2,1,0]",
        "db=0s",
        "x=0s",
        "other=0s",
      ],
      topology: `${topologyNodes(
        "S:service arrivals=other served=srv attempts=att exhaustedFailures=exh",
        "A:service arrivals=arr served=arr retryEcho=echo",
        "B:service arrivals=bsrv served=bsrv",
        "DB:dependency arrivals=db served=db",
        "X:dlq arrivals=x served=x queueDepth=x",
      )}
  edges:
    - { id: sa, from: S, to: A, weight: 3 }
    - { id: sb, from: "S:out", to: B, weight: 1 }
    - { id: ba, from: B, to: A }
    - { id: sdb, from: S, to: DB, type: effort, measure: attempts, multiplier: 2.5 }
    - { id: sx, from: "S:exhaustedFailures", to: X, type: terminal }`,
    },
    series: {
      "sa flowVolume": [9, 9, 9, 0],
      "sb flowVolume": [3, 3, 3, 0],
      "ba flowVolume": [3, 3, 3, 0],
      "sdb flowVolume": [12, 12, 12, 0],
      "sdb attemptsVolume": [40, 40, 40, 0],
      "sx failuresVolume": [1, 0, 0, 0],
      "sa retryVolume": [0, 1.5, 0.75, 0],
      "ba retryVolume": [0, 0.5, 0.25, 0],
    },
    absent: ["sb retryVolume"],
    warnings: [{ code: "edge_flow_mismatch_incoming", nodeId: "A", bins: [0, 1, 2], value: 3 }],
  },
  {
    id: "T48",
    title: "a router's target within a loop (D5)",
    model: {
      nodes: ["src=8s", "r=route(src; y*1)", "x: src*(1-SHIFT(p,1))", "y: x*0", "p: CLAMP(y/8,0,1)"],
      bins: 3,
    },
    series: { x: [8, 0, 0], y: [8, 8, 8], p: [1, 1, 1] },
  },
  {
    id: "T51",
    title: "classes of a queue that grows carry on un-normalised",
    model: {
      nodes: ["a=[6,6,6,9,9,9]", "b=2s", "in: a+b", "srv: MIN(in,5)", "q=buf(in,srv)"],
      binSize: 30,
      binUnit: "minutes",
      arrivals: ["a: A", "b: B"],
    },
    series: {
      q: [3, 6, 9, 15, 21, 27],
      "q@A": [2.25, 4.5, 6.75, 11.516798418972332, 16.342476489028215, 21.19675324675325],
      "srv@A": [3.75, 3.75, 3.75, 4.090909090909091, 4.090909090909091, 4.090909090909091],
    },
  },
];
