/** A place in the model text. Lines and columns are 1-based; offsets count UTF-16 units from 0. */
export interface SourceSpan {
  readonly line: number;
  readonly column: number;
  readonly startOffset: number;
  readonly endOffset: number;
}

export type DiagnosticSeverity = "error" | "warning";

/**
 * One finding about a model. All findings of a stage are returned together; nothing is thrown for bad input.
 * `tier` says who would find it in FlowTime: `yaml` (the text is no document) and `schema` (shape and meaning) its schema check, `compile`
 * its loader and the generation of nodes, `analyse` its evaluation. `unsupported`: valid, but not built here yet.
 */
export interface Diagnostic {
  readonly severity: DiagnosticSeverity;
  readonly tier: "yaml" | "schema" | "compile" | "analyse" | "unsupported";
  /** Stable and documented, snake_case. */
  readonly code: string;
  /** What is wrong, with the offending text. Where FlowTime has a sentence of its own, that sentence. */
  readonly message: string;
  /** JSON pointer of the offending field, such as `/nodes/3/expr`. Empty for the document. */
  readonly pointer: string;
  readonly span: SourceSpan | null;
  /** What to do about it, when there is something to say that the message does not. */
  readonly hint?: string;
}

/** In reading order; findings about the whole document first, errors before warnings of the same place. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...diagnostics].sort(
    (a, b) =>
      (a.span?.startOffset ?? -1) - (b.span?.startOffset ?? -1) ||
      (a.severity === b.severity ? 0 : a.severity === "error" ? -1 : 1),
  );
}

/** The text that offsets of a model's diagnostics count in: without byte-order mark, lines ended by LF alone. */
export function normaliseModelText(text: string): string {
  const unmarked = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return unmarked.includes("\r\n") ? unmarked.replaceAll("\r\n", "\n") : unmarked;
}
