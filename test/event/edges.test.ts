/** Counts by tenant and minute, against a plain map; over more tenants than have a place in an array. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EdgeCounts, type EdgeOutcome } from '../../src/event/edges.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';

const SCHEMA = defineSchema({ columns: { tenant: 'dictionary', n: 'int64' }, tenant: 'tenant' });
const OTHER = defineSchema({ columns: { tenant: 'string', n: 'int64' } });

function sums(counts: EdgeCounts): Record<string, number> {
  const found: Record<string, number> = {};
  for (const batch of counts.batches('transform.x'))
    for (let row = 0; row < batch.rows; row++) {
      const { minute, edge, stream, tenant, outcome, reason, events } = rowOf(batch, row);
      expect(edge).toBe('transform.x');
      const key = JSON.stringify([stream, tenant, minute, outcome, reason]);
      expect(found[key]).toBeUndefined();
      found[key] = events as number;
    }
  return found;
}

test('adds up what it is given, one row a tenant, minute, outcome and reason', () => {
  const step = fc.record({
    tenants: fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 30 }),
    minute: fc.integer({ min: 0, max: 3 }),
    outcome: fc.constantFrom<EdgeOutcome>('read', 'ok', 'filtered'),
    reason: fc.constantFrom(null, 'filter', 'split'),
    how: fc.constantFrom('rows', 'chosen', 'none', 'one', 'merged'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const counts = new EdgeCounts();
      const expected: Record<string, number> = {};
      for (const { tenants, minute, outcome, reason, how } of steps) {
        const stamp = minute * 60_000 + 17;
        const rows = tenants.map((tenant, n) => ({ tenant: `t${tenant}`, n, received_at: 0 }));
        const into = how === 'merged' ? new EdgeCounts() : counts;
        const batch = batchFromRows(how === 'none' ? OTHER : SCHEMA, rows);
        if (how === 'one') for (const { tenant } of rows) counts.add('s', tenant, stamp, outcome, 1, reason);
        else into.addRows('s', batch, stamp, outcome, how === 'chosen' ? (row) => row % 2 === 0 : null, reason);
        if (how === 'merged') counts.merge(into);
        rows.forEach(({ tenant }, n) => {
          if (how === 'chosen' && n % 2 === 1) return;
          const key = JSON.stringify(['s', how === 'none' ? '*' : tenant, minute * 60_000, outcome, reason]);
          expected[key] = (expected[key] ?? 0) + 1;
        });
      }
      expect(sums(counts)).toEqual(expected);
      const read = Object.entries(expected).reduce((sum, [key, n]) => sum + (key.includes('"read"') ? n : 0), 0);
      expect(counts.total('read')).toBe(read);
    }),
    { numRuns: 200 },
  );
});
