/** Guards over changes streams that a test writes itself. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Guards, type GuardLimits } from '../../../src/collect/guards/guards.js';
import { batchFromRows } from '../../../src/event/rows.js';
import type { ViewDescription } from '../../../src/event/view.js';
import { guardOf } from '../../../src/guards.js';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { newProgress, Progress } from '../../../src/mill/progress.js';
import { describeView } from '../../../src/sql/describe.js';
import { parseViews } from '../../../src/sql/parse.js';
import { planView } from '../../../src/sql/standing.js';
import { stream, type FrontDoor, type Guarding } from '../front-door.js';

/** A view of clicks by address, with a guard as told. */
export const hotIps = (options: string): string => `
CREATE MATERIALIZED VIEW hot_ips WITH (guard = 'ip'${options === '' ? '' : `, ${options}`}) AS
SELECT tenant_id, ip, window_start, window_end, count(*) AS clicks
FROM TUMBLE(events, event_time, INTERVAL '1 minute')
GROUP BY tenant_id, ip, window_start, window_end HAVING count(*) > 10`;

/** The guards of one view, and its changes. */
export class TestGuard {
  description!: ViewDescription;
  readonly progress = newProgress();
  readonly #sql: string;
  readonly #limits: GuardLimits;
  #door!: FrontDoor;

  constructor(sql: string, limits: Partial<GuardLimits> = {}) {
    this.#sql = sql;
    this.#limits = { keysMax: 1000, behindMaxMs: 10_000, ...limits };
  }

  /** For `FrontDoor.open`. */
  readonly guarding: Guarding = async (door) => {
    this.#door = door;
    const streams = door.streams.all.map((one) => ({ ...one, clock: 'arrival' as const }));
    const [statement] = await parseViews(this.#sql);
    const plan = planView(statement!, new Map(streams.map((one) => [one.name, one])));
    this.description = describeView(plan, { number: 1, id: '1.test', sinceMs: null });
    await door.log.createStream(stream(this.description.stream, this.description.schema, 1));
    const view = { plan, description: this.description };
    const progress = new Map([[this.description.stream, this.progress]]);
    const guard = guardOf(view, { streams, transforms: [] }, progress, systemClock)!;
    const { log, metrics } = door;
    const ground = { log, metrics, disk: realDisk, clock: systemClock };
    return new Guards({ ...ground, guards: [guard], folder: join(door.folder, 'guards'), limits: this.#limits });
  };

  /** The mill has come as far as the present. */
  complete(): void {
    new Progress(this.progress).tell(Date.now());
  }

  /** Writes rows of the view; resolves when the guard has them. */
  async change(...rows: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    const start = Math.floor(Date.now() / 60_000) * 60_000;
    const common = { tenant: 'acme', window_start: start, window_end: start + 60_000, op: 'upsert', state: 'open' };
    const batch = batchFromRows(
      this.description.schema,
      rows.map((row) => ({ ...common, txn: 1, ...row })),
    );
    await this.#door.log.append({ batches: [{ stream: this.description.stream, rows: batch }] });
    await this.caughtUp();
  }

  /** Resolves when the guard has all changes that are durable. */
  async caughtUp(): Promise<void> {
    const [guard] = this.#door.guards!.running;
    for (let status = guard!.status(); status.state !== 'running' || status.lagRows > 0; status = guard!.status())
      await sleep(5);
  }
}
