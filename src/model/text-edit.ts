/** One replacement in a text; `start === end` inserts. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The text with every edit made. Edits must not overlap; their offsets are those of the text as given. What is inserted at
 * one place stands in the order given.
 */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  // From the end, so that earlier offsets stay true.
  return edits
    .toReversed()
    .sort((a, b) => b.start - a.start)
    .reduce((edited, edit) => edited.slice(0, edit.start) + edit.text + edited.slice(edit.end), text);
}
