import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { jsonLines } from '../../../src/deliver/encoded.js';
import { CutRows, type PlacedSlice } from '../../../src/deliver/rows.js';
import { BulkBodies } from '../../../src/deliver/sinks/opensearch/bulk-body.js';
import { IndexNames } from '../../../src/deliver/sinks/opensearch/rotation.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import type { Schema } from '../../../src/event/schema.js';
import { SCHEMA, someRows } from '../support.js';

const DAY = Date.parse('2026-12-31T00:00:00Z');

interface Action {
  readonly _index: string;
  readonly _id: string;
}

function slice(schema: Schema, rows: readonly Record<string, unknown>[], rest: Partial<PlacedSlice> = {}): PlacedSlice {
  const batch = batchFromRows(
    schema,
    rows.map((row) => ({ received_at: DAY, ...row })),
  );
  return { stream: 'events', partition: 0, baseOffset: 0, receivedAt: DAY, batch, rows: null, attempts: null, ...rest };
}

/** The body's actions and documents, as whoever gets it reads them. */
function read(
  schema: Schema,
  slices: readonly PlacedSlice[],
  documentId: 'event' | 'tenant-event' = 'tenant-event',
): { readonly action: Action; readonly document: Record<string, unknown> }[] {
  const bodies = new BulkBodies(jsonLines(schema), new IndexNames('events', 'OneDay'), documentId);
  const text = Buffer.from(bodies.body(new CutRows(schema, slices))).toString();
  expect(text === '' || text.endsWith('\n')).toBe(true);
  const lines = text.split('\n').slice(0, -1);
  return Array.from({ length: lines.length / 2 }, (_, i) => {
    const parsed = JSON.parse(lines[i * 2]!) as { index: Action };
    expect(Object.keys(parsed)).toEqual(['index']);
    return { action: parsed.index, document: JSON.parse(lines[i * 2 + 1]!) as Record<string, unknown> };
  });
}

const hash = (tenant: string | null, id: string): string => {
  const sum = createHash('sha256');
  if (tenant !== null) sum.update(`${Buffer.byteLength(tenant)}:${tenant}`);
  return `sha256:${sum.update(id).digest('hex')}`;
};

describe('the body of a bulk request', () => {
  test('is an action and a document for each row, of some rows only', () => {
    const rows = someRows(9);
    const found = read(SCHEMA, [slice(SCHEMA, rows, { rows: Uint32Array.of(1, 4, 8) }), slice(SCHEMA, [])]);
    expect(found.map(({ action }) => action)).toEqual(
      [1, 4, 8].map((n) => ({ _index: 'events-2026-12-31', _id: `${rows[n]!.tenant}~e-${n}` })),
    );
    expect(found[1]!.document).toMatchObject({ id: 'e-4', note: 'a "note" 4', labels: ['x', 'y4'], props: { n: 4 } });
  });

  test('each row goes to the index of its own stamp', () => {
    const stamps = [DAY - 1, DAY, DAY + 86_399_999, DAY + 86_400_000, DAY - 1];
    const rows = someRows(5).map((row, i) => ({ ...row, received_at: stamps[i] }));
    expect(read(SCHEMA, [slice(SCHEMA, rows)]).map(({ action }) => action._index)).toEqual([
      'events-2026-12-30',
      'events-2026-12-31',
      'events-2026-12-31',
      'events-2027-01-01',
      'events-2026-12-30',
    ]);
  });

  test('the event id alone is the `_id` where that is chosen', () => {
    expect(read(SCHEMA, [slice(SCHEMA, someRows(2))], 'event').map(({ action }) => action._id)).toEqual(['e-0', 'e-1']);
  });

  test('uuids, streams without a tenant, streams without ids', () => {
    const uuid = '0190a6f8-3d5e-7a01-8f00-00000000002a';
    const uuids = defineSchema({ columns: { id: 'uuid', tenant: 'dictionary' }, eventId: 'id', tenant: 'tenant' });
    expect(read(uuids, [slice(uuids, [{ id: uuid, tenant: 'acme' }])])[0]!.action._id).toBe(`acme~${uuid}`);
    expect(read(uuids, [slice(uuids, [{ id: uuid, tenant: 'acme' }])], 'event')[0]!.action._id).toBe(uuid);
    const alone = defineSchema({ columns: { id: 'string' }, eventId: 'id' });
    expect(read(alone, [slice(alone, [{ id: 'a/b' }])])[0]!.action._id).toBe('a/b');
    const none = defineSchema({ columns: { n: 'int64' } });
    const place = { partition: 3, baseOffset: 100, rows: Uint32Array.of(0, 2) };
    expect(read(none, [slice(none, [{ n: 1 }, { n: 2 }, { n: 3 }], place)]).map(({ action }) => action._id)).toEqual([
      `events/3/100@${DAY}`,
      `events/3/102@${DAY}`,
    ]);
  });

  test('what the cluster takes for no id is hashed, and looks like no other', () => {
    const long = 'x'.repeat(513);
    const rows = (id: string, tenant = 'acme') => [slice(SCHEMA, [{ ...someRows(1)[0]!, id, tenant }])];
    expect(read(SCHEMA, rows(long), 'event')[0]!.action._id).toBe(hash(null, long));
    expect(read(SCHEMA, rows('x'.repeat(507)))[0]!.action._id).toBe(`acme~${'x'.repeat(507)}`);
    expect(read(SCHEMA, rows('x'.repeat(508)))[0]!.action._id).toBe(hash('acme', 'x'.repeat(508)));
    expect(read(SCHEMA, rows('ä'.repeat(256)))[0]!.action._id).toBe(hash('acme', 'ä'.repeat(256)));
    expect(read(SCHEMA, rows(''), 'event')[0]!.action._id).toBe(hash(null, ''));
    expect(read(SCHEMA, rows(''))[0]!.action._id).toBe(hash('acme', ''));
    expect(read(SCHEMA, rows('b', 'a~'))[0]!.action._id).toBe(hash('a~', 'b'));
    expect(read(SCHEMA, rows('\uFEFFb'))[0]!.action._id).toBe(hash('acme', '\uFEFFb'));
    expect(read(SCHEMA, rows(hash(null, long)), 'event')[0]!.action._id).toBe(hash(null, hash(null, long)));
  });

  test('hostile ids stay ids: two rows share an `_id` only when tenant and id are the same', () => {
    const piece = fc.constantFrom(
      ...['"', '\\', '\n', '\r', '\u0000', '\u001f', '\u007f', '\u2028', '~', ':', '}}', '\uFEFF', 'é', '😀', 'a', ''],
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary', maxLength: 40 }).map((any) => Buffer.from(any).toString()),
      fc.integer({ min: 490, max: 530 }).map((length) => 'l'.repeat(length)),
    );
    const rows = fc.array(fc.record({ id: text, tenant: text }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(rows, fc.boolean(), (made, isAlone) => {
        const found = read(
          SCHEMA,
          [
            slice(
              SCHEMA,
              made.map((one) => ({ ...someRows(1)[0]!, ...one })),
            ),
          ],
          isAlone ? 'event' : 'tenant-event',
        );
        expect(found).toHaveLength(made.length);
        const events = new Map<string, string>();
        found.forEach(({ action, document }, i) => {
          const { id, tenant } = made[i]!;
          // The encoder leaves out a byte order mark, as TextDecoder does.
          expect(document['id']).toBe(id.replace(/^\uFEFF/, ''));
          expect(Buffer.byteLength(action._id)).toBeGreaterThan(0);
          expect(Buffer.byteLength(action._id)).toBeLessThanOrEqual(512);
          const event = isAlone ? id : JSON.stringify([tenant, id]);
          expect(events.get(action._id) ?? event).toBe(event);
          events.set(action._id, event);
        });
        expect(events.size).toBe(new Set(events.values()).size);
      }),
      { numRuns: 100 },
    );
  });
});
