import type { EventSource } from '../inputs/input.js';
import { AsciiWriter } from './ascii-writer.js';
import { Traffic, type TrafficOptions, type TrafficTotals } from './traffic.js';

/** Events a group: at most this, and no more than happen in a quarter of a second. */
const GROUP = 500;

/** A source of `count` generated events, and what they are. */
export function generatedEvents(
  count: number,
  options: TrafficOptions,
): EventSource & { readonly totals: TrafficTotals } {
  const traffic = new Traffic(options);
  return {
    groups: groups(traffic, count, Math.max(1, Math.min(GROUP, Math.floor(options.rate / 4)))),
    progress: () => traffic.totals.events / count,
    totals: traffic.totals,
  };
}

async function* groups(traffic: Traffic, count: number, groupSize: number): AsyncGenerator<Buffer[]> {
  for (let left = count; left > 0;) {
    const out = new AsciiWriter(groupSize * 1024);
    const ends: number[] = [];
    for (; left > 0 && ends.length < groupSize; left--) {
      traffic.next(out);
      ends.push(out.length);
    }
    yield ends.map((end, i) => out.buffer.subarray(ends[i - 1] ?? 0, end));
  }
}
