/**
 * Non-interference: for a tenant's key, a store with everyone's rows answers exactly as a store that
 * never had any but the tenant's. Thousands of generated queries are run on both.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../../src/util/errors.js';
import { change, openFixture, START, type Fixture } from './fixture.js';
import { generatedQuery } from './generate.js';

const RUNS = Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 300);

let everyone: Fixture;
let alone: Fixture;

const tenants = ['acme', 'bolt', 'zinc'];

function events(tenant: string, from: number) {
  return Array.from({ length: 6 }, (_, index) => ({
    tenant_id: tenant,
    event_id: `${tenant}-${from + index}`,
    event_time: START + index * 1000,
    kind: index % 2 === 0 ? 'click' : 'view',
    campaign: index === 3 ? null : `${tenant} ${index % 3}`,
    cost: tenant === 'acme' ? `${index}.5` : '-0.125',
    clicks: tenant === 'acme' ? index + 1 : 0,
    labels: [tenant],
    note: tenant === 'acme' ? '17' : 'no number',
  }));
}

async function fill(fixture: Fixture, who: readonly string[]): Promise<void> {
  const rows = (from: number) =>
    who.flatMap((tenant) =>
      [0, 1, 2, 3].map((n) =>
        change(tenant, from + (n >> 1), n === 3 ? null : `${tenant} ${n}`, tenant === 'acme' ? 10 + n : 0),
      ),
    );
  await fixture.change(rows(0));
  await fixture.views.get('traffic')!.settle();
  await fixture.change(who.map((tenant) => change(tenant, 0, `${tenant} 1`, tenant === 'acme' ? 99 : 0)));
  await fixture.change(rows(2));
  await fixture.append(
    'events',
    who.flatMap((tenant) => events(tenant, 0)),
  );
}

async function outcome(fixture: Fixture, sql: string): Promise<string> {
  try {
    return JSON.stringify((await fixture.query(sql, 'acme')).map((row) => JSON.stringify(row)).sort());
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
}

beforeAll(async () => {
  everyone = await openFixture({ limits: { timeoutMs: 5_000 } });
  alone = await openFixture({ limits: { timeoutMs: 5_000 } });
  await fill(everyone, tenants);
  await fill(alone, ['acme']);
});
afterAll(async () => {
  await everyone.close();
  await alone.close();
});

describe('a tenant', () => {
  it('gets the same from a store with others in it', async () => {
    const codes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(generatedQuery, async (sql) => {
        const [one, other] = [await outcome(everyone, sql), await outcome(alone, sql)];
        const code = one.startsWith('[') ? (one === '[]' ? 'empty' : 'rows') : one;
        codes.set(code, (codes.get(code) ?? 0) + 1);
        // A query near a limit may meet it in one store only.
        if (![one, other].some((text) => ['QUERY_TIMEOUT', 'QUERY_TOO_LARGE'].includes(text))) expect(one).toBe(other);
        expect(one).not.toMatch(/bolt|zinc/i);
      }),
      { numRuns: RUNS },
    );
    // The generator must really make queries that answer rows.
    expect(codes.get('rows') ?? 0).toBeGreaterThan(RUNS / 3);
    expect(codes.get('INTERNAL') ?? 0).toBe(0);
    expect(codes.get('SQL_SYNTAX') ?? 0).toBe(0);
  }, 600_000);

  it("is not made to fail by others' values, though they would divide by zero and not be numbers", async () => {
    for (const sql of [
      'SELECT sum(100 / impressions) FROM traffic',
      'SELECT count(*) FROM traffic WHERE 100 / impressions > 1',
      'SELECT count(*) FROM traffic a JOIN traffic b ON 100 / a.impressions = 100 / b.impressions',
      'SELECT sum(CAST(note AS bigint)) FROM events',
      'SELECT count(*) FROM events WHERE CAST(note AS bigint) = 17',
      "SELECT count(*) FROM events WHERE CAST(note AS bigint) = 17 AND tenant_id = 'bolt'",
      'SELECT count(*) FROM events WHERE 1 / clicks >= 0 AND sqrt(cost) >= 0',
    ])
      expect(await outcome(everyone, sql)).toBe(await outcome(alone, sql));
    expect(await everyone.query('SELECT sum(CAST(note AS bigint)) FROM events', 'acme')).toEqual([['102']]);
    await expect(everyone.query('SELECT sum(CAST(note AS bigint)) FROM events')).rejects.toThrow(
      /invalid input syntax/,
    );
  });
});
