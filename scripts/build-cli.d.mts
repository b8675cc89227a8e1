/** @param outdir absolute folder that gets `main.js` and its chunks */
export function buildCli(outdir: string): Promise<void>;
