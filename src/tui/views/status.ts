import { ageText, gridText, instantText } from "../format.ts";
import { cutLine, type Line, type Span, span, spread } from "../text.ts";
import type { Scene } from "./paint.ts";

/** The lines above the table: which run, how it stands, how fresh the numbers are. */
export function statusLines(scene: Scene): readonly Line[] {
  const { areas } = scene;
  const lines = [headLine(scene), ...(areas.statusRows > 2 ? [binLine(scene)] : []), stateLine(scene)];
  return lines.map((line) => cutLine(line, areas.columns, scene.glyphs.ellipsis));
}

function headLine(scene: Scene): Line {
  const { view, picture, areas, glyphs } = scene;
  const name = view.runId ?? picture.view.runId ?? "";
  const left: Span[] = [span(" flowtime  ", "accent"), span(name, "strong")];
  if (view.mode !== null && areas.columns >= 66) left.push(span(`  ${view.mode}`, "dim"));
  return spread(left, [...standing(scene), span(" ")], areas.columns, glyphs.ellipsis);
}

/** Whether what is seen is live, in words; the sign in front only repeats it. */
function standing(scene: Scene): Line {
  const { picture, view, screen, glyphs } = scene;
  const { connection } = picture;
  if (screen.frozen !== null) {
    const since = picture.view.sealedBin - view.sealedBin;
    const behind = since > 0 ? `  +${since} bin${since === 1 ? "" : "s"} since` : "";
    return [span(`${glyphs.paused} PAUSED at bin ${view.sealedBin}`, "warn"), span(behind, "strong")];
  }
  switch (connection.kind) {
    case "connecting":
      return [span(`${glyphs.waiting} CONNECTING${tries(connection.failures)}`, "warn")];
    case "waiting": {
      const inMs = Math.max(0, (connection.retryAtMs ?? picture.nowMs) - picture.nowMs);
      return [span(`${glyphs.waiting} RECONNECTING in ${Math.ceil(inMs / 1000)}s${tries(connection.failures)}`, "bad")];
    }
    case "stopped":
      return [span(`${glyphs.failed} DISCONNECTED`, "bad")];
    case "ended":
      return endState(scene);
    case "live":
      if (view.isResyncing || view.staging !== null) return [span(`${glyphs.waiting} CATCHING UP`, "warn")];
      return [span(`${glyphs.live} LIVE`, "good"), ...lag(scene)];
  }
}

function endState({ view, glyphs }: Scene): Line {
  const code = view.bye?.code ?? "completed";
  return code === "completed"
    ? [span(`${glyphs.done} COMPLETED`, "good")]
    : [span(`${glyphs.failed} ${code.toUpperCase()}`, "bad")];
}

function tries(failures: number): string {
  return failures > 0 ? ` (try ${failures + 1})` : "";
}

/** Time since the newest bin was sealed: the age of what is on the screen. */
function lag({ picture }: Scene): Line {
  if (picture.sealedAtMs === null) return [];
  const lagMs = Math.max(0, picture.nowMs - picture.sealedAtMs);
  return [span(`  lag ${lagMs < 100_000 ? `${(lagMs / 1000).toFixed(1)}s` : ageText(lagMs)}`)];
}

function binLine(scene: Scene): Line {
  const { view, picture, areas, glyphs } = scene;
  const dot = span(` ${glyphs.dot} `, "dim");
  const parts: Line[] = [binPart(scene)];
  if (view.grid !== null) {
    parts.push([span(gridText(view.grid))]);
    const share = Math.floor(((view.sealedBin + 1) / Math.max(1, view.grid.bins)) * 100);
    parts.push([span(`${view.sealedBin + 1} of ${view.grid.bins} sealed (${share}%)`)]);
  }
  if (view.seq !== null) parts.push([span(`seq ${view.seq}`)]);
  if (areas.isWide) {
    const { connection } = picture;
    if (connection.kind === "live") parts.push([span(`conn up ${ageText(picture.nowMs - connection.sinceMs)}`)]);
    if (connection.reconnects > 0) parts.push([span(`reconnects ${connection.reconnects}`, "warn")]);
    if (view.hash !== null && view.sealedBin >= 0) parts.push([span(`hash ${view.hash.slice(0, 8)}`, "dim")]);
  }
  return [span(" "), ...join(parts, dot)];
}

function binPart({ view }: Scene): Line {
  if (view.sealedBin < 0) return [span("no bin sealed yet", "dim")];
  const start = view.startUtc === null ? "" : `  ${instantText(view.startUtc)}`;
  return [span(`bin ${view.sealedBin}`, "strong"), span(start)];
}

function stateLine(scene: Scene): Line {
  const { view, picture, areas, glyphs } = scene;
  if (view.fault !== null) return [span(` stream fault: ${view.fault.message}`, "bad")];
  const { connection } = picture;
  if (connection.message !== null && connection.kind !== "live" && connection.kind !== "ended") {
    return [span(` ${connection.message.split("\n")[0]}`, "bad")];
  }
  const parts: Line[] = areas.statusRows > 2 ? [] : [binPart(scene)];
  const count = view.warnings.size;
  parts.push([span(`warnings ${count}`, count > 0 ? "warn" : "plain")]);
  const open = view.progress?.openBins ?? 0;
  if (open > 0) parts.push([span(`open bins ${open}`)]);
  if (view.resets > 0) parts.push([span(`resets ${view.resets}`, "warn")]);
  const { snapshot } = picture;
  if (snapshot === null) {
    parts.push([span("no checkpoint", "dim")]);
  } else {
    const age = picture.checkpointAtMs === null ? "" : ` (${ageText(picture.nowMs - picture.checkpointAtMs)} ago)`;
    const where = areas.isWide ? snapshot.path : snapshot.snapshotRunId;
    parts.push([span(`checkpoint bin ${snapshot.sealedBin}${age} ${glyphs.arrow} ${where}`)]);
  }
  return [span(" "), ...join(parts, span(` ${glyphs.dot} `, "dim"))];
}

function join(parts: readonly Line[], between: Span): Line {
  return parts.flatMap((part, at) => (at === 0 ? part : [between, ...part]));
}
