/**
 * A hundred views over one stream at once, against one of them: a hundred dashboards of the same events, which differ
 * in what they group by, what they leave out and what they sum.
 */
import type { BenchRow, Measured } from '../harness.js';
import { measure, row } from '../harness.js';
import { Rig } from './rig.js';
import { STREAMS, ysbArrivals } from './ysb-events.js';

/** So many that starting a view and stopping it, some ms, is little of what it costs. */
const EVENTS = 6_000_000;
const VIEWS = 100;
const KEYS = ['ad_type', 'event_type', 'ip_address', 'ad_id'];
const FILTERS = ["event_type = 'view'", "event_type <> 'view'", "ad_type = 'banner'", 'ad_id IS NOT NULL', 'true'];

/** View number `n`: no two have the same text. */
function sql(n: number): string {
  const key = KEYS[n % KEYS.length]!;
  const filter = FILTERS[Math.floor(n / KEYS.length) % FILTERS.length]!;
  const seconds = 10 * (1 + Math.floor(n / (KEYS.length * FILTERS.length)));
  return `CREATE MATERIALIZED VIEW v${n} WITH (emit = 'close', watermark_lag = '10 seconds') AS
    SELECT ${key}, window_start, count(*) AS events, count(user_id) AS users
    FROM TUMBLE(events, event_time, INTERVAL '${seconds} seconds') WHERE ${filter} GROUP BY ${key}, window_start`;
}

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const rig = await Rig.open(STREAMS, ysbArrivals({ events: EVENTS, campaigns: 100, ads: 10, users: 1_000_000 }));
  const plans = await Promise.all(Array.from({ length: VIEWS }, (_, n) => rig.plan(sql(n))));
  const all = async (count: number): Promise<number> => {
    const runs = await Promise.all(plans.slice(0, count).map((plan) => rig.run(plan)));
    for (const { records } of runs) if (records !== EVENTS) throw new Error(`${records} rows of ${EVENTS}`);
    return EVENTS;
  };
  const one: Measured[] = [];
  // Each of the kinds by itself: some are cheaper than others.
  for (let n = 0; n < KEYS.length * FILTERS.length; n++)
    one.push(
      await measure(() => rig.run(plans[n]!).then(({ records }) => records), { warm: 1, warmSeconds: 1, times: 3 }),
    );
  const mean: Measured = {
    records: EVENTS,
    cpuSeconds: one.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / one.length,
    wallSeconds: one.reduce((sum, { wallSeconds }) => sum + wallSeconds, 0) / one.length,
  };
  const together = await measure(() => all(VIEWS), { warm: 2, times: 3 });
  await rig.close();
  return [
    row(`${VIEWS} views over one stream`, together, 'one view', mean, {
      target: 'CPU < 25x',
      extra: { 'CPU, times': together.cpuSeconds / mean.cpuSeconds },
    }),
  ];
}
