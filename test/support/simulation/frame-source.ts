import { type CellValue, encodeFrame, type Frame } from "../../../src/protocol/frame.ts";
import type { Random } from "../random.ts";

export interface SentCell {
  readonly seriesId: string;
  readonly bin: number;
  readonly value: CellValue;
  readonly revision: number;
}

/** A line as it was sent, and the cells it states when it is taken. */
export interface SentLine {
  readonly text: string;
  readonly cells: readonly SentCell[];
}

export interface FrameSourceOptions {
  /** Series that telemetry feeds. */
  readonly bound: readonly string[];
  /** Const nodes that may be changed. */
  readonly constants: readonly string[];
  readonly bins: number;
}

const MALFORMED = [
  '{"type":"telemetry","binIndex":1',
  "not json at all",
  '{"type":"telemetry","binIndex":-1,"seriesId":"nobody","value":1}',
  '{"type":"nothing"}',
  '{"type":"telemetry","binIndex":0,"seriesId":"nobody knows","value":1}',
  '{"type":"adjust","set":{"nobody knows":3}}',
  '{"type":"telemetry","binIndex":0,"value":"many"}',
  "\u0000\ufffd",
];

/** What a careless producer sends: mostly the next bins, but also again, otherwise, too late, too early, and nonsense. */
export class FrameSource {
  readonly #chance: Random;
  readonly #options: FrameSourceOptions;
  readonly #sent: SentLine[] = [];

  constructor(chance: Random, options: FrameSourceOptions) {
    this.#chance = chance;
    this.#options = options;
  }

  /** @param front oldest bin that is not sealed, as far as the producer knows */
  batch(front: number, lines: number): readonly SentLine[] {
    const batch: SentLine[] = [];
    let at = front;
    while (batch.length < lines) {
      const more = this.#next(at);
      if (more.length === this.#options.bound.length) at++;
      batch.push(...more);
    }
    const isShuffled = this.#chance.chance(0.3);
    const ordered = isShuffled
      ? batch.map((line) => [this.#chance.next(), line] as const).sort(([a], [b]) => a - b)
      : [];
    const result = isShuffled ? ordered.map(([, line]) => line) : batch;
    this.#sent.push(...result.filter(({ cells }) => cells.length > 0));
    return result;
  }

  #next(front: number): readonly SentLine[] {
    const { bound, constants, bins } = this.#options;
    const draw = this.#chance.below(100);
    const old = this.#sent.length === 0 ? undefined : this.#chance.pick(this.#sent.slice(-60));
    if (draw < 34) return bound.map((seriesId) => this.#cell(front, seriesId));
    if (draw < 58) return [this.#cell(front + this.#chance.below(6), this.#chance.pick(bound))];
    if (draw < 66 && old !== undefined) return [old];
    if (draw < 70 && old !== undefined) return [again(old, (cell) => ({ ...cell, value: this.#value() }))];
    if (draw < 79 && old !== undefined) {
      return [again(old, (cell) => ({ ...cell, value: this.#value(), revision: cell.revision + 1 }))];
    }
    if (draw < 81) return [this.#cell(front + 64 + this.#chance.below(bins), this.#chance.pick(bound))];
    if (draw < 86) return [{ text: this.#chance.pick(MALFORMED), cells: [] }];
    if (draw < 93) return [plain({ type: "watermark", binIndex: Math.max(0, front + this.#chance.below(5) - 2) })];
    if (constants.length === 0) return [];
    const isGood = this.#chance.chance(0.7);
    const fromBin = isGood ? front + this.#chance.below(4) : Math.max(0, front - 2);
    return [plain({ type: "adjust", fromBin, set: { [this.#chance.pick(constants)]: this.#chance.below(90) } })];
  }

  #cell(bin: number, seriesId: string): SentLine {
    return lineOf([{ seriesId, bin, value: this.#value(), revision: 0 }]);
  }

  #value(): CellValue {
    const draw = this.#chance.next();
    if (draw < 0.02) return -0;
    if (draw < 0.04) return null;
    if (draw < 0.05) return "Infinity";
    return Math.round(this.#chance.next() * 90_000) / 1000;
  }
}

function again(line: SentLine, change: (cell: SentCell) => SentCell): SentLine {
  return lineOf(line.cells.map(change));
}

function lineOf(cells: readonly SentCell[]): SentLine {
  const [{ seriesId, bin, value, revision }] = cells as [SentCell];
  const frame: Frame = { type: "telemetry", binIndex: bin, seriesId, value, ...(revision === 0 ? {} : { revision }) };
  return { text: encodeFrame(frame), cells };
}

function plain(frame: Frame): SentLine {
  return { text: encodeFrame(frame), cells: [] };
}
