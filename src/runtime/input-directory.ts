import { binMilliseconds } from "../lib/bin-length.ts";
import { fold } from "../lib/fold.ts";
import { parseUtc } from "../lib/utc-time.ts";
import { roleOfMetric } from "../model/bind.ts";
import { asClassId, DEFAULT_CLASS, seriesClassId, seriesNodeId } from "../model/descriptor.ts";
import type { TimeGrid } from "../model/model.ts";
import { inputName, type Plan } from "../model/plan.ts";
import { cellToNumber, type FrameErrorCode, type FrameTime, type TelemetryFrame } from "../protocol/frame.ts";

/** Why a frame cannot be taken, in words for its sender. */
export interface Refusal {
  readonly code: FrameErrorCode;
  readonly message: string;
}

/** One value for one input of the plan (`plan.bound[input]`). */
export interface Cell {
  readonly input: number;
  readonly value: number;
}

/** What the cells of a topology node feed. */
interface NodeInputs {
  readonly id: string;
  /** Series by role. */
  readonly roles: ReadonlyMap<string, string>;
  /** Inputs of totals by role, where there is one. */
  readonly inputs: ReadonlyMap<string, number>;
}

/** Names in an error message: enough to recognise a mistake, not a dump. */
const MAX_NAMES = 8;

/** ISO-8601 start of a bin, or null when the grid has no start. */
export function binStartUtc(grid: TimeGrid, bin: number): string | null {
  const start = gridStart(grid);
  if (start === null) return null;
  return `${new Date(start + bin * binMilliseconds(grid)).toISOString().slice(0, 19)}Z`;
}

function gridStart(grid: TimeGrid): number | null {
  return grid.start === null ? null : parseUtc(grid.start);
}

/** Finds the inputs of a plan that the cells of a frame feed, and the bin that a frame belongs to. Pure. */
export class InputDirectory {
  private readonly plan: Plan;
  private readonly inputs: ReadonlyMap<string, number>;
  /** By id in lower case, … */
  private readonly nodes: ReadonlyMap<string, NodeInputs>;
  /** … and as it is written in the model, as most producers write it too. */
  private readonly nodesAsWritten: ReadonlyMap<string, NodeInputs>;

  constructor(plan: Plan) {
    this.plan = plan;
    this.inputs = new Map(
      plan.bound.map(({ seriesId, classId }, input) => [inputKey(seriesId, classId ?? DEFAULT_CLASS), input]),
    );
    const feeds = new Map<string, string>();
    for (const { seriesId, feeds: roles } of plan.bound) {
      for (const { nodeId, role } of roles) feeds.set(`${nodeId}\n${role}`, seriesId);
    }
    this.nodes = new Map(
      (plan.model.topology?.nodes ?? []).map((node) => {
        const named = Object.entries(node.semantics.series).map(
          ([role, reference]) => [role, feeds.get(`${node.id}\n${role}`) ?? reference] as const,
        );
        const inputs = named.flatMap(([role, seriesId]) => {
          const input = this.inputs.get(inputKey(seriesId, DEFAULT_CLASS));
          return input === undefined ? [] : [[role, input] as const];
        });
        return [node.id.toLowerCase(), { id: node.id, roles: new Map(named), inputs: new Map(inputs) }];
      }),
    );
    this.nodesAsWritten = new Map(Array.from(this.nodes.values(), (node) => [node.id, node]));
  }

  /** Bin of a frame; at least one of its two time fields is given (the decoder checks). */
  binOf(time: FrameTime): number | Refusal {
    if (time.binIndex !== undefined) return time.binIndex;
    const { grid } = this.plan.source;
    const start = gridStart(grid);
    if (start === null) {
      return { code: "bad_time", message: "The model's grid has no start, so frames must give binIndex." };
    }
    const at = parseUtc(time.timestampUtc!);
    if (at === null) {
      return { code: "bad_time", message: `timestampUtc '${time.timestampUtc}' is not an ISO-8601 time.` };
    }
    const bin = Math.floor((at - start) / binMilliseconds(grid));
    if (bin >= 0) return bin;
    return {
      code: "bad_time",
      message: `timestampUtc '${time.timestampUtc}' lies before the grid's start ${grid.start}.`,
    };
  }

  /** The cells of a telemetry frame, all of them or the reason for the first that cannot be placed. */
  cellsOf(frame: TelemetryFrame): readonly Cell[] | Refusal {
    const classId = frame.seriesId === undefined ? asClassId(frame.classId) : seriesClassId(frame.seriesId);
    if (classId !== DEFAULT_CLASS && this.plan.source.arrivals.length > 0) {
      return {
        code: "unbound_series",
        message: `Class '${classId}': the model computes classes itself (traffic.arrivals); only totals are fed.`,
      };
    }
    if (frame.seriesId !== undefined) {
      const input = this.inputOf(seriesNodeId(frame.seriesId), classId);
      return typeof input === "number" ? [{ input, value: cellToNumber(frame.value ?? null) }] : input;
    }
    const node = this.nodesAsWritten.get(frame.nodeId!) ?? this.nodes.get(frame.nodeId!.toLowerCase());
    if (node === undefined) {
      const known = [...this.nodes.values()].map(({ id }) => id);
      return {
        code: "unknown_node",
        message: `Node '${frame.nodeId}' is not in the model's topology, which has: ${names(known)}.`,
      };
    }
    const isTotal = classId === DEFAULT_CLASS;
    const cells: Cell[] = [];
    for (const metric of Object.keys(frame.metrics!)) {
      const input = (isTotal ? node.inputs.get(metric) : undefined) ?? this.inputOfMetric(node, metric, classId);
      if (typeof input !== "number") return input;
      const value = cellToNumber(frame.metrics![metric]!);
      // A node has few roles, so few cells: looking through them costs less than an index of them.
      const before = cells.find((cell) => cell.input === input);
      if (before === undefined) {
        cells.push({ input, value });
      } else if (!Object.is(before.value, value)) {
        return {
          code: "bad_value",
          message: `Series '${this.plan.bound[input]!.seriesId}' gets two values in one frame: ${before.value} and ${value} (by '${metric}').`,
        };
      }
    }
    return cells;
  }

  private inputOfMetric(node: NodeInputs, metric: string, classId: string): number | Refusal {
    const role = roleOfMetric(metric);
    const seriesId = role === null ? undefined : node.roles.get(role);
    if (seriesId !== undefined) return this.inputOf(seriesId, classId);
    const known = [...node.roles.keys()];
    return {
      code: "unknown_metric",
      message: `Node '${node.id}' has no metric '${metric}'; it has: ${names(known)}.`,
    };
  }

  private inputOf(seriesId: string, classId: string): number | Refusal {
    const input = this.inputs.get(inputKey(seriesId, classId));
    if (input !== undefined) return input;
    const what = `Series '${seriesId}'${classId === DEFAULT_CLASS ? "" : ` of class '${classId}'`}`;
    const reason = !this.plan.columnOf.has(seriesId)
      ? "is not a series of the model"
      : classId !== DEFAULT_CLASS
        ? "is not fed"
        : this.plan.bound.some((series) => series.seriesId === seriesId)
          ? "is the sum of its classes; those are fed"
          : "is computed by the model, not fed";
    const bound = this.plan.bound.map(inputName);
    return { code: "unbound_series", message: `${what} ${reason}. Fed by telemetry: ${names(bound)}.` };
  }
}

/** Class ids are compared without case. */
function inputKey(seriesId: string, classId: string): string {
  return `${seriesId}@${fold(classId)}`;
}

function names(all: readonly string[]): string {
  if (all.length === 0) return "none";
  const more = all.length - MAX_NAMES;
  return all.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
