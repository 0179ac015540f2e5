/** The mark of a view, as it lies in the log with the positions of a commit. */
import type { FlowMark } from './operators/flow.js';

/** As bytes. */
export function writeMark(mark: FlowMark): Uint8Array {
  const closeClock = Number.isFinite(mark.closeClock) ? mark.closeClock : null;
  return Buffer.from(JSON.stringify({ ...mark, closeClock }));
}

/** From bytes. */
export function readMark(state: Uint8Array): FlowMark {
  const mark = JSON.parse(Buffer.from(state).toString()) as Omit<FlowMark, 'closeClock'> & {
    closeClock: number | null;
  };
  return { ...mark, closeClock: mark.closeClock ?? -Infinity };
}
