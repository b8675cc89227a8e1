import { shortestText } from "../../lib/dotnet-number.ts";
import { CLASS_ROLES, type ClassRole } from "../class-roles.ts";
import type { Cells, ClassTruth, NodeWarning } from "./answers.ts";
import { cell } from "./answers.ts";
import { type NodeData, type RoleValues, timesAt } from "./node-data.ts";
import type { BinRange } from "./query-run.ts";

/** Key of the block that stands for all work, when no class is known. */
const FALLBACK = "*";

/** How far totals and the sum of their classes may be apart: FlowTime's bound. */
const CLASS_TOTAL_TOLERANCE = 1;

/** Names of roles in answers. */
const NAMES: Readonly<Record<ClassRole, string>> = {
  arrivals: "arrivals",
  served: "served",
  errors: "errors",
  queueDepth: "queue",
  capacity: "capacity",
  processingTimeMsSum: "processingTimeMsSum",
  servedCount: "servedCount",
};

/** Blocks of a node by class in one bin; every figure is there, unrounded. */
export function classesOfBin(data: NodeData, bin: number): ReadonlyMap<string, ReadonlyMap<string, number | null>> {
  return new Map(
    blocks(data).map(([classId, roles]) => {
      const figures = new Map<string, number | null>();
      for (const role of CLASS_ROLES) figures.set(NAMES[role], cell(roles[role]?.[bin] ?? Number.NaN));
      for (const [name, value] of times(data, roles, bin)) figures.set(name, cell(value));
      return [classId, figures];
    }),
  );
}

/** The same over a window; figures without any value are left out. */
export function classesOfWindow(
  data: NodeData,
  { start, count }: BinRange,
): ReadonlyMap<string, ReadonlyMap<string, Cells>> {
  const offsets = Array.from({ length: count }, (_, offset) => offset);
  return new Map(
    blocks(data).map(([classId, roles]) => {
      const figures = new Map<string, Cells>();
      const add = (name: string, cells: Cells): void => {
        if (cells.some((value) => value !== null)) figures.set(name, cells);
      };
      for (const role of CLASS_ROLES) {
        const values = roles[role];
        if (values !== undefined) add(NAMES[role], Array.from(values.subarray(start, start + count), cell));
      }
      const byBin = offsets.map((offset) => times(data, roles, start + offset));
      TIME_NAMES.forEach((name, index) => {
        add(
          name,
          byBin.map((figure) => cell(figure[index]![1])),
        );
      });
      return [classId, figures];
    }),
  );
}

function blocks({ classes, roles }: NodeData): [string, RoleValues<ClassRole>][] {
  return classes.size > 0 ? [...classes] : [[FALLBACK, roles]];
}

const TIME_NAMES = ["queueTimeMs", "serviceTimeMs", "cycleTimeMs", "flowEfficiency"] as const;

function times(data: NodeData, roles: RoleValues<ClassRole>, bin: number): (readonly [string, number])[] {
  const figures = timesAt(data, roles, bin);
  return TIME_NAMES.map((name) => [name, figures[name]] as const);
}

/** Totals of a bin that their classes do not add up to (`class_totals_mismatch`). */
export function classTotalWarnings({ classes, roles }: NodeData, bin: number): NodeWarning[] {
  return (["arrivals", "served", "errors"] as const).flatMap((role) => {
    const total = roles[role]?.[bin] ?? Number.NaN;
    const shares = [...classes.values()].map((share) => share[role]?.[bin] ?? Number.NaN).filter(Number.isFinite);
    if (!Number.isFinite(total) || shares.length === 0) return [];
    const sum = shares.reduce((before, share) => before + share, 0);
    if (!(Math.abs(total - sum) > CLASS_TOTAL_TOLERANCE)) return [];
    const message = `Total ${role} ${shortestText(total)} differs from byClass sum ${shortestText(sum)}.`;
    return [{ code: "class_totals_mismatch", message, severity: "warning" }];
  });
}

/** What is known of a node's classes. @param mismatches its `class_totals_mismatch` */
export function classTruth({ classes, roles }: NodeData, mismatches: readonly NodeWarning[]): ClassTruth {
  const coverage = classes.size === 0 ? "missing" : mismatches.length === 0 ? "full" : "partial";
  return {
    coverage,
    hasSpecificClasses: classes.size > 0,
    hasFallbackClass: CLASS_ROLES.some((role) => roles[role] !== undefined),
  };
}
