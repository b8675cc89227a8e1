import { type IPty, spawn } from "@lydell/node-pty";
import xterm from "@xterm/headless";

/** A command in a pseudo-terminal, with an emulator that shows what a person would see. */
export class TestTerminal implements Disposable {
  readonly #pty: IPty;
  readonly #screen: InstanceType<typeof xterm.Terminal>;
  readonly #looks = new Set<() => void>();
  /** Everything the command wrote, escapes included. */
  raw = "";
  /** The part of it that is on the screen. */
  #seen = "";
  readonly exited: Promise<{ readonly code: number; readonly signal: number }>;
  #isOver = false;

  constructor(
    file: string,
    args: readonly string[],
    options: { readonly columns: number; readonly rows: number; readonly env?: Record<string, string | undefined> },
  ) {
    const { columns, rows } = options;
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
    // CI makes Ink draw nothing, and colour settings of the machine would change the bytes.
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(CI|CONTINUOUS_INTEGRATION|NO_COLOR|FORCE_COLOR)$/.test(name),
    );
    this.#pty = spawn(file, [...args], {
      name: options.env?.TERM ?? "xterm-256color",
      cols: columns,
      rows,
      env: {
        ...Object.fromEntries(inherited),
        LANG: "C.UTF-8",
        LC_ALL: "C.UTF-8",
        NODE_ENV: "production",
        ...options.env,
      },
    });
    this.#pty.onData((text) => {
      this.raw += text;
      this.#screen.write(text, () => {
        this.#seen += text;
        for (const look of this.#looks) look();
      });
    });
    this.exited = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal }) => {
        this.#isOver = true;
        this.#screen.write("", () => resolve({ code: exitCode, signal: signal ?? 0 }));
      });
    });
  }

  /** Rows as they are seen, blanks at their end cut off. */
  get lines(): readonly string[] {
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? "",
    );
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** In the middle of a synchronised update: a terminal that knows them shows the frame before. */
  get #isMidFrame(): boolean {
    return this.#seen.lastIndexOf("\u001b[?2026h") > this.#seen.lastIndexOf("\u001b[?2026l");
  }

  /** Whether a full-screen program has the terminal. */
  get isAlternate(): boolean {
    return this.#screen.buffer.active.type === "alternate";
  }

  /** Waits for what is on the screen, not for time. */
  until(condition: (text: string) => boolean, what = String(condition)): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!this.#isMidFrame && condition(this.text)) settle(resolve);
      };
      const settle = (then: () => void) => {
        clearTimeout(timer);
        this.#looks.delete(look);
        then();
      };
      const fail = (why: string) => settle(() => reject(new Error(`${why}: ${what}\n${this.text}`)));
      const timer = setTimeout(() => fail("not seen"), 20_000);
      void this.exited.then(() => {
        look();
        fail("the command ended first");
      });
      this.#looks.add(look);
      look();
    });
  }

  shows(text: string): Promise<void> {
    return this.until((screen) => screen.includes(text), `"${text}"`);
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    this.#pty.resize(columns, rows);
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.#pty.pid, signal);
  }

  [Symbol.dispose](): void {
    if (!this.#isOver) this.#pty.kill("SIGKILL");
    this.#screen.dispose();
  }
}
