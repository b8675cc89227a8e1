/**
 * Writes WebAssembly: just the encoding of what compiled plans need. Byte values are those of the WebAssembly core
 * specification, chapter 5 (binary format).
 */
export const I32 = 0x7f;
export const F64 = 0x7c;

export class WasmCode {
  private bytes = new Uint8Array(1024);
  private size = 0;
  private readonly number = new DataView(new ArrayBuffer(8));

  /** Code so far; not to be kept across further writes. */
  get written(): Uint8Array {
    return this.bytes.subarray(0, this.size);
  }

  get length(): number {
    return this.size;
  }

  byte(...values: readonly number[]): this {
    this.reserve(values.length);
    for (const value of values) this.bytes[this.size++] = value;
    return this;
  }

  raw(code: Uint8Array): this {
    this.reserve(code.length);
    this.bytes.set(code, this.size);
    this.size += code.length;
    return this;
  }

  unsigned(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.byte(rest);
  }

  signed32(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.byte(isLast ? low : low | 0x80);
      if (isLast) return this;
    }
  }

  i32(value: number): this {
    return this.byte(0x41).signed32(value);
  }

  f64(value: number): this {
    this.number.setFloat64(0, value, true);
    this.byte(0x44);
    return this.raw(new Uint8Array(this.number.buffer));
  }

  get(local: number): this {
    return this.byte(0x20).unsigned(local);
  }

  set(local: number): this {
    return this.byte(0x21).unsigned(local);
  }

  tee(local: number): this {
    return this.byte(0x22).unsigned(local);
  }

  call(index: number): this {
    return this.byte(0x10).unsigned(index);
  }

  /** Loads the number at `address on the stack + offset`. */
  load(offset: number): this {
    return this.byte(0x2b, 3).unsigned(offset);
  }

  /** Stores the number on the stack at `address below it + offset`. */
  store(offset: number): this {
    return this.byte(0x39, 3).unsigned(offset);
  }

  /** Loads the 32-bit integer at `address on the stack + offset`. */
  loadI32(offset: number): this {
    return this.byte(0x28, 2).unsigned(offset);
  }

  /** Begins a loop; `branchIf(0)` within it starts the next round. */
  loop(): this {
    return this.byte(0x03, 0x40);
  }

  branchIf(depth: number): this {
    return this.byte(0x0d).unsigned(depth);
  }

  op(name: keyof typeof OPS): this {
    return this.byte(OPS[name]);
  }

  private reserve(more: number): void {
    if (this.size + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.size + more));
    larger.set(this.written);
    this.bytes = larger;
  }
}

const OPS = {
  select: 0x1b,
  i32Eqz: 0x45,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GeS: 0x4e,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32RemU: 0x70,
  i32And: 0x71,
  f64Eq: 0x61,
  f64Gt: 0x64,
  f64Ge: 0x66,
  f64Ceil: 0x9b,
  f64Floor: 0x9c,
  f64Trunc: 0x9d,
  f64Add: 0xa0,
  f64Sub: 0xa1,
  f64Mul: 0xa2,
  f64Div: 0xa3,
  f64Min: 0xa4,
  f64Max: 0xa5,
  f64Copysign: 0xa6,
  f64FromI32: 0xb7,
  end: 0x0b,
} as const;

export interface WasmFunction {
  readonly code: Uint8Array;
  /** Locals besides the parameters, as [count, type]. */
  readonly locals: readonly (readonly [number, number])[];
}

/**
 * A module of functions `(base: i32, t: i32) → ()` named `f0`, `f1`, …, over the imported memory `env.memory`.
 * Function indices 0 and 1 are the imports `env.modulo (f64, f64) → f64` and `env.host (i32, i32, i32) → ()`.
 */
export function encodeModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const module = new WasmCode().byte(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, body: WasmCode): void => {
    module.byte(id).unsigned(body.length).raw(body.written);
  };
  const name = (code: WasmCode, text: string): WasmCode => {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    return code.unsigned(bytes.length).raw(bytes);
  };

  section(
    1,
    new WasmCode()
      .unsigned(3)
      .byte(0x60, 2, F64, F64, 1, F64)
      .byte(0x60, 3, I32, I32, I32, 0)
      .byte(0x60, 2, I32, I32, 0),
  );
  const imports = new WasmCode().unsigned(3);
  name(name(imports, "env"), "memory").byte(0x02, 0x00).unsigned(1);
  name(name(imports, "env"), "modulo").byte(0x00, 0);
  name(name(imports, "env"), "host").byte(0x00, 1);
  section(2, imports);
  const types = new WasmCode().unsigned(functions.length);
  for (let index = 0; index < functions.length; index++) types.unsigned(2);
  section(3, types);
  const exports = new WasmCode().unsigned(functions.length);
  functions.forEach((_, index) => {
    name(exports, `f${index}`)
      .byte(0x00)
      .unsigned(index + 2);
  });
  section(7, exports);
  const bodies = new WasmCode().unsigned(functions.length);
  for (const { code, locals } of functions) {
    const body = new WasmCode().unsigned(locals.length);
    for (const [count, type] of locals) body.unsigned(count).byte(type);
    body.raw(code).op("end");
    bodies.unsigned(body.length).raw(body.written);
  }
  section(10, bodies);
  return module.written.slice();
}

export const MODULO_IMPORT = 0;
export const HOST_IMPORT = 1;
