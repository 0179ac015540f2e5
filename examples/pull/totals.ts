/** What the server says, and what an advertiser's own table says. */
import type { Client } from 'pg';
import type { FeedClient } from '../../src/client.js';

/** A tenant's view in three numbers. */
export interface Totals {
  readonly rows: number;
  readonly clicks: number;
  /** Decimal. */
  readonly cost: string;
}

/** The server's, by the digest of the changes feed. */
export async function serverTotals(feed: FeedClient): Promise<Totals> {
  const { days } = await feed.digest();
  let rows = 0;
  let clicks = 0;
  let millionths = 0n;
  for (const day of days) {
    rows += day.rows;
    clicks += Number(day.sums['clicks']);
    millionths += BigInt(day.sums['cost']!.replace('.', ''));
  }
  const digits = String(millionths).padStart(7, '0');
  return { rows, clicks, cost: `${digits.slice(0, -6)}.${digits.slice(-6)}` };
}

/** The table's, by SQL as anybody would write it. */
export async function tableTotals(database: Client): Promise<Totals> {
  const there = await database.query<{ there: boolean }>(`SELECT to_regclass('traffic') IS NOT NULL AS there`);
  if (there.rows[0]?.there !== true) return { rows: 0, clicks: 0, cost: '0.000000' };
  const { rows } = await database.query<Totals>(
    `SELECT count(*)::float8 AS rows, coalesce(sum(clicks), 0)::float8 AS clicks,
            coalesce(sum(cost), 0)::numeric(38, 6)::text AS cost FROM traffic`,
  );
  return rows[0]!;
}

/** Whether they are the same. */
export function agree(a: Totals, b: Totals): boolean {
  return a.rows === b.rows && a.clicks === b.clicks && a.cost === b.cost;
}
