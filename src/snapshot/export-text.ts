import { shortestText } from "../lib/dotnet-number.ts";
import { jsonString } from "./dotnet-json.ts";
import type { RunExport } from "./export-rows.ts";

/** Text that is handed on at once: large enough to be cheap to write, small beside the export. */
const CHUNK_CHARACTERS = 256 * 1024;
const BYTE_ORDER_MARK = "\ufeff";

/** aggregates/export.csv (artifacts.md §14): byte order mark, header, LF. Ids are not quoted, as in FlowTime's. */
export async function* csvExport(run: RunExport): AsyncGenerator<string> {
  let text = `${BYTE_ORDER_MARK}time_bin,component_id,measure,value\n`;
  for await (const { componentId, measure, values } of run.series()) {
    for (let bin = 0; bin < values.length; bin++) {
      text += `${timeText(run.timeOf(bin))},${componentId},${measure},${shortestText(values[bin]!)}\n`;
      if (text.length < CHUNK_CHARACTERS) continue;
      yield text;
      text = "";
    }
  }
  yield text;
}

/** aggregates/export.ndjson: JSON has no NaN and no infinities, and the first such value ends its series, as FlowTime has it. */
export async function* ndjsonExport(run: RunExport): AsyncGenerator<string> {
  let text = BYTE_ORDER_MARK;
  for await (const { componentId, measure, values } of run.series()) {
    const names = `"component_id":${jsonString(componentId)},"measure":${jsonString(measure)}`;
    for (let bin = 0; bin < values.length && Number.isFinite(values[bin]); bin++) {
      text += `{"time_bin":"${timeText(run.timeOf(bin))}",${names},"value":${shortestText(values[bin]!)}}\n`;
      if (text.length < CHUNK_CHARACTERS) continue;
      yield text;
      text = "";
    }
  }
  yield text;
}

/** `yyyy-MM-ddTHH:mm:ssZ` */
function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
