/** What ids that FlowTime compares without case are compared by. */
export function fold(text: string): string {
  return text.toUpperCase();
}
