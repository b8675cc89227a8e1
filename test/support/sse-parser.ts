/** What one block of an event stream did: an event, or only a new id. */
export interface SseBlock {
  /** Null: the block had no data and fired nothing. */
  readonly event: string | null;
  readonly data: string;
  /** Last event id once the block was read, null as long as there was none. */
  readonly lastEventId: string | null;
  /** Whether this very block carried an id. */
  readonly hasId: boolean;
  readonly retry: string | null;
}

/** Server-Sent Events as the HTML Standard reads them, for bytes that arrive in any pieces. */
export class SseParser {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #lastEventId: string | null = null;
  comments = 0;

  push(bytes: Uint8Array): SseBlock[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const blocks: SseBlock[] = [];
    for (let end = this.#rest.indexOf("\n\n"); end !== -1; end = this.#rest.indexOf("\n\n")) {
      blocks.push(this.#block(this.#rest.slice(0, end)));
      this.#rest = this.#rest.slice(end + 2);
    }
    return blocks;
  }

  #block(text: string): SseBlock {
    let event = "message";
    let retry: string | null = null;
    let hasId = false;
    const data: string[] = [];
    for (const line of text.split("\n")) {
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (line.startsWith(":")) this.comments++;
      else if (field === "event") event = value;
      else if (field === "data") data.push(value);
      else if (field === "retry") retry = value;
      else if (field === "id") {
        hasId = true;
        this.#lastEventId = value;
      } else throw new Error(`not a field of an event stream: ${JSON.stringify(line)}`);
    }
    const isEvent = data.length > 0;
    return {
      event: isEvent ? event : null,
      data: data.join("\n"),
      lastEventId: this.#lastEventId,
      hasId,
      retry,
    };
  }
}
