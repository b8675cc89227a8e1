import { type CommandContext, counted } from "./command.ts";
import type { FeedTotals } from "./feed.ts";

/** A bar that moves faster than this cannot be read. */
const REDRAW_MS = 250;
const BAR_COLUMNS = 24;
const DEFAULT_COLUMNS = 80;
/** Where nothing can be redrawn, a line each time another tenth is sealed. */
const STEPS = 10;
const CLEAR_LINE = "\r\u001B[K";

/** How far feeding has come, on stderr: a bar on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #context: CommandContext;
  readonly #bins: number;
  readonly #isBar: boolean;
  #isDrawn = false;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #step = 0;

  /** @param bins horizon of the run */
  constructor(context: CommandContext, bins: number) {
    this.#context = context;
    this.#bins = bins;
    this.#isBar = context.stderr.isTTY === true && context.env.TERM !== "dumb" && !context.env.CI;
  }

  update(totals: Readonly<FeedTotals>): void {
    const sealed = totals.sealedBin + 1;
    if (this.#isBar) {
      const nowMs = this.#context.clock.now();
      if (nowMs - this.#drawnMs < REDRAW_MS && sealed < this.#bins) return;
      this.#drawnMs = nowMs;
      this.#draw(sealed, totals);
      return;
    }
    const step = Math.floor((sealed * STEPS) / this.#bins);
    if (step > this.#step) this.#context.say(`flowtime: ${describe(sealed, this.#bins, totals)}`);
    this.#step = Math.max(step, this.#step);
  }

  /** A message that must not land in the bar. */
  note(text: string): void {
    this.clear();
    this.#context.say(text);
  }

  clear(): void {
    if (this.#isDrawn) this.#context.stderr.write(CLEAR_LINE);
    this.#isDrawn = false;
  }

  #draw(sealed: number, totals: Readonly<FeedTotals>): void {
    const filled = Math.round((Math.min(sealed, this.#bins) * BAR_COLUMNS) / this.#bins);
    const bar = `[${"#".repeat(filled)}${"-".repeat(BAR_COLUMNS - filled)}]`;
    const columns = this.#context.stderr.columns ?? DEFAULT_COLUMNS;
    const line = `${bar} ${describe(sealed, this.#bins, totals)}`.slice(0, columns - 1);
    this.#context.stderr.write(`${CLEAR_LINE}${line}`);
    this.#isDrawn = true;
  }
}

function describe(sealed: number, bins: number, totals: Readonly<FeedTotals>): string {
  const refused = totals.rejected + totals.late;
  const parts = [`${sealed}/${bins} bins sealed`, counted(totals.accepted + totals.duplicates, "frame")];
  if (refused > 0) parts.push(`${refused} refused`);
  return parts.join(" · ");
}
