import { type BatchRun, runSimulation } from "../../src/engine/batch-run.ts";
import { parseModel } from "../../src/model/parse.ts";
import { modelText, type ShortModel } from "./model-builder.ts";

/** A model in short form, evaluated whole as an orchestrated run. */
export function batchRunOf(short: ShortModel): BatchRun {
  const text = modelText(short);
  const { model, diagnostics } = parseModel(text);
  if (model === null) throw new Error(`${diagnostics.map(({ message }) => message).join("; ")}\n${text}`);
  return runSimulation(model, model.grid.bins);
}

/** Values of series by `node`, and of class series by `node@class`; null where a node lacks the class. */
export function valuesOf(
  { totals, classes }: Pick<BatchRun, "totals" | "classes">,
  names: readonly string[],
): Record<string, readonly number[] | null> {
  return Object.fromEntries(
    names.map((name) => {
      const [id, classId] = name.split("@") as [string, string | undefined];
      const values = classId === undefined ? totals.get(id) : classes.get(id)?.get(classId);
      return [name, values === undefined ? null : [...values]];
    }),
  );
}
