/**
 * JSON bytes to all columns, against `JSON.parse` and a builder that fills the same columns.
 *
 * The events are ad events of about 376 bytes and 14 fields, zipf advertisers, in requests of 500.
 * `mixed`: of the rows, 5 % have their keys in another order, an escape, or a null.
 * `off shape`: every row has its keys in an order of its own.
 */
import { createDecoder } from '../src/collect/decode/decoder.js';
import { adEvents } from '../src/event/ad-events.js';
import type { ColumnBatch } from '../src/event/columns.js';
import { createBuilder } from './decode-baseline.js';
import { measure, row, type BenchRow } from './harness.js';
import { sampleEvents } from './sample-events.js';

const EVENTS = 200_000;
const PER_REQUEST = 500;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [name, target, twist] of [
    ['decode: events of one shape', '', 0],
    ['decode: 5 % other order, escapes or nulls', '>= 4x', 0.05],
    ['decode: every row off shape', '>= 1.2x', 1],
  ] as const) {
    const events = sampleEvents(EVENTS, twist);
    const requests: Buffer[] = [];
    for (let i = 0; i < events.length; i += PER_REQUEST)
      requests.push(Buffer.from(`${events.slice(i, i + PER_REQUEST).join('\n')}\n`));
    const decoder = createDecoder(adEvents());
    const build = createBuilder(adEvents());
    const all = (decode: (request: Buffer) => ColumnBatch) => () => {
      let count = 0;
      for (const request of requests) count += decode(request).rows;
      if (count !== EVENTS) throw new Error(`${name}: ${count} rows of ${EVENTS}`);
      return count;
    };
    const measured = await measure(
      all((request) => decoder.decode(request).batch),
      { warm: 2 },
    );
    const before = { ...decoder.counts };
    all((request) => decoder.decode(request).batch)();
    const share = (path: 'fast' | 'general' | 'json') =>
      `${Math.round(((decoder.counts[path] - before[path]) / EVENTS) * 1000) / 10} %`;
    const baseline = await measure(all(build), { warm: 2 });
    const bytes = Math.round(requests.reduce((sum, request) => sum + request.length, 0) / EVENTS);
    rows.push(
      row(name, measured, 'JSON.parse + builder', baseline, {
        ...(target === '' ? {} : { target }),
        extra: { 'bytes an event': bytes, fast: share('fast'), general: share('general'), json: share('json') },
      }),
    );
  }
  return rows;
}
