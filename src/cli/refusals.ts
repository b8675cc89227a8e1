import { closeSync, openSync, writeSync } from "node:fs";
import { fileError } from "./command.ts";
import type { Refusal } from "./feed.ts";

/** Refusals shown on stderr; a pattern is clear by then. */
const MAX_SHOWN = 20;

/** Where refused frames are reported: a file (all of them, NDJSON) or stderr (the first ones). */
export class RefusalReport implements Disposable {
  readonly #say: (text: string) => void;
  readonly #file: number | null;
  #count = 0;

  /**
   * @param fileName overwritten; null = stderr
   * @throws CliError when the file cannot be written
   */
  constructor(fileName: string | null, say: (text: string) => void) {
    this.#say = say;
    this.#file = fileName === null ? null : openForWriting(fileName);
  }

  add({ label, code, message, text }: Refusal): void {
    this.#count++;
    if (this.#file !== null) {
      writeSync(this.#file, `${JSON.stringify({ where: label, code, message, frame: text })}\n`);
    } else if (this.#count <= MAX_SHOWN) {
      this.#say(`flowtime: refused ${label}: ${code}: ${message}`);
    } else if (this.#count === MAX_SHOWN + 1) {
      this.#say("flowtime: further refused frames are counted, not shown; --rejects FILE keeps them all");
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== null) closeSync(this.#file);
  }
}

function openForWriting(fileName: string): number {
  try {
    return openSync(fileName, "w");
  } catch (error) {
    throw fileError(fileName, error, "written");
  }
}
