/** Random rows of every type of column: what is not touched stays as it is, and steps do what they do to single rows. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { ColumnsReceiver, ColumnsSender } from '../../src/transform/functions/columns-channel.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { EVERY_TYPE, everyRow, everyRows } from '../event/arbitrary.js';
import { event, file, freshFolder, once, optionsOf, readAll, removeFolders, run, type Event } from './support.js';

afterEach(removeFolders);

const EVENT = 'export default (event) => ({ ...event });';
const ASYNC = 'export default async (event) => event;';
const BATCH = `export default (batch) => batch.set('s2', batch.values('s2')).set('i2', batch.values('i2')).mapTexts('d', (text) => text).filter(() => true);`;
const HANDLER = `export const handler = async ({ records }) => ({ records: records.map(({ recordId, data }) => ({ recordId, result: 'Ok', data })) });`;

/** JSON has no infinite numbers: they are null there. */
function asJson({ f, ...one }: Event): Event {
  return Number.isFinite(f) ? { ...one, f } : one;
}

test('every way through a transform keeps every value of every type', { timeout: 120_000 }, async () => {
  const folder = freshFolder();
  const step = (key: string, name: string, code: string) => ({ [key]: file(folder, name, code) });
  const transforms = {
    nothing: { from: 'events' },
    parted: { from: 'events', partitions: 3 },
    functions: { from: 'events', steps: [step('function', 'event.mjs', EVENT), step('function', 'async.mjs', ASYNC)] },
    batches: { from: 'events', steps: [step('batchFunction', 'batch.mjs', BATCH)] },
    lambdas: { from: 'events', steps: [{ ...step('lambda', 'handler.mjs', HANDLER), bufferInterval: '10 ms' }] },
  };
  const running = await run(folder, optionsOf(transforms, folder, EVERY_TYPE));
  const sent: Event[] = [];
  await fc.assert(
    fc.asyncProperty(everyRows, async (rows) => {
      await running.append(rows);
      sent.push(...rows);
      await running.drained();
      const expected = readAll(running.log, 'events');
      expect(expected).toHaveLength(sent.length);
      for (const name of ['nothing', 'functions', 'batches']) expect(running.rows(name)).toEqual(expected);
      expect(running.rows('lambdas')).toEqual(expected.map(asJson));
      expect(running.rows('parted')).toHaveLength(sent.length);
    }),
    { numRuns: 15 },
  );
  expect(running.rows('quarantine')).toEqual([]);
  expect(running.said).toEqual([]);
  await running.stop();
});

test('what is sent to a process arrives, over many batches whose texts come again', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(everyRow, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 8 }),
      (batches) => {
        const sender = new ColumnsSender(EVERY_TYPE);
        const receiver = new ColumnsReceiver(EVERY_TYPE);
        for (const rows of batches) {
          const batch = batchFromRows(
            EVERY_TYPE,
            rows.map((row) => ({ ...row, received_at: 0 })),
          );
          const chosen = Uint32Array.from(rows.keys()).filter((row) => row % 3 !== 2);
          const { bytes, fresh } = sender.encode({ batch, rows: chosen }, 77);
          const arrived = receiver.decode(bytes.slice(), fresh);
          expect(Array.from({ length: arrived.rows }, (_, row) => rowOf(arrived, row))).toEqual(
            Array.from(chosen, (row) => ({ ...rowOf(batch, row), received_at: 77 })),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** Steps by what they make of one event: the event, or null. */
const STEPS: readonly { step: Event; model: (event: Event) => Event | null }[] = [
  {
    step: { filter: 'clicks > 2 OR clicks IS NULL' },
    model: (one) => (((one['clicks'] as number | undefined) ?? 9) > 2 ? one : null),
  },
  {
    step: { filter: "kind <> 'view'" },
    model: (one) => (one['kind'] !== undefined && one['kind'] !== 'view' ? one : null),
  },
  {
    step: { set: { clicks: 'clicks + 1', user: 'coalesce("user", \'nobody\')' } },
    model: (one) => ({
      ...one,
      ...(one['clicks'] === undefined ? {} : { clicks: Number(one['clicks']) + 1 }),
      user: one['user'] ?? 'nobody',
    }),
  },
  {
    step: { mask: { user: { keepLast: 2 } } },
    model: (one) => (one['user'] === undefined ? one : { ...one, user: masked(String(one['user'])) }),
  },
  { step: { set: { country: "CASE WHEN clicks % 2 = 0 THEN 'even' ELSE upper(kind) END" } }, model: withCountry },
];

function masked(text: string): string {
  return text.length <= 2 ? text : '*'.repeat(text.length - 2) + text.slice(-2);
}

function withCountry({ country: _before, ...one }: Event): Event {
  const { clicks, kind } = one as { clicks?: number; kind?: string };
  const country = clicks !== undefined && clicks % 2 === 0 ? 'even' : kind?.toUpperCase();
  return country === undefined ? one : { ...one, country };
}

test('steps in any order do to many rows what they do to each', { timeout: 120_000 }, async () => {
  const rows = fc.array(
    fc.record(
      {
        clicks: fc.integer({ min: -3, max: 6 }),
        kind: fc.constantFrom('view', 'click', 'x'),
        user: fc.constantFrom('', 'a', 'bob', 'charlotte'),
        country: fc.constantFrom('DE', 'FR'),
      },
      { requiredKeys: [] },
    ),
    { minLength: 1, maxLength: 60 },
  );
  const chosen = fc.array(fc.constantFrom(...STEPS.keys()), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(rows, chosen, async (some, indexes) => {
      const events = some.map((one, i) => event(i, one));
      const { rows: out, edges } = await once(
        { out: { from: 'events', steps: indexes.map((i) => STEPS[i]!.step) } },
        events,
      );
      const expected = events.flatMap((one) => {
        const result = indexes.reduce<Event | null>(
          (before, i) => (before === null ? null : STEPS[i]!.model(before)),
          one,
        );
        return result === null ? [] : [result];
      });
      expect(out).toEqual(expected);
      expect(edges['read']).toBe(events.length);
      expect((edges['ok'] ?? 0) + (edges['filtered filter'] ?? 0)).toBe(events.length);
    }),
    { numRuns: 40 },
  );
});
