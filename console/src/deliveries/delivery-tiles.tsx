import { formatCount, formatRate, formatSpan } from '../format.js';
import { Sparkline, useHistory } from '../sparkline.js';
import { Tile } from '../tile.js';
import { stateOf } from './delivery-state.js';
import type { Cause, Delivery } from './shapes.js';

const KEPT = 180;

interface DeliveryTilesProps {
  readonly deliveries: readonly Delivery[] | undefined;
  readonly causes: readonly Cause[] | undefined;
  /** When the deliveries were asked. */
  readonly atMs: number;
}

/** Rows a second over all deliveries, the oldest that waits, how many wait, how many failed. */
export function DeliveryTiles({ deliveries, causes, atMs }: DeliveryTilesProps) {
  const rate = deliveries && sum(deliveries.map(({ rowsPerSecond }) => rowsPerSecond));
  const rates = useHistory(atMs === 0 ? undefined : atMs, rate, KEPT);
  const worst = deliveries?.toSorted((a, b) => b.oldestMs - a.oldestMs)[0];
  const waiting = deliveries && sum(deliveries.map(({ pendingRows }) => pendingRows));
  const behind = deliveries?.filter(({ pendingRows }) => pendingRows > 0).length;
  const open = causes && sum(causes.map(({ rows }) => rows));
  const isTroubled = deliveries?.some((delivery) => stateOf(delivery).tone === 'warn');
  return (
    <section className="tiles" aria-label="now">
      <Tile
        name="Rows a second"
        value={rate === undefined ? undefined : formatRate(rate)}
        note={deliveries && `over the last minute, ${plural(deliveries.length, 'delivery', 'deliveries')}`}
        testId="rows-per-second"
      >
        <Sparkline values={rates} kept={KEPT} />
      </Tile>
      <Tile
        name="Oldest undelivered"
        value={worst === undefined || worst.oldestMs === 0 ? '–' : formatSpan(worst.oldestMs)}
        note={worst && (worst.oldestMs === 0 ? 'nothing waits' : `in ${worst.name}`)}
        testId="oldest"
        tone={isTroubled === true ? 'warn' : undefined}
      />
      <Tile
        name="Waiting"
        value={waiting === undefined ? undefined : formatCount(waiting)}
        note={
          behind === undefined
            ? undefined
            : behind === 0
              ? 'all is delivered'
              : `rows in the log, ${plural(behind, 'delivery', 'deliveries')}`
        }
        testId="waiting"
      />
      <Tile
        name="In quarantine"
        value={open === undefined ? undefined : formatCount(open)}
        note={
          causes && (causes.length === 0 ? 'no open rows' : `open rows, ${plural(causes.length, 'cause', 'causes')}`)
        }
        testId="open-rows"
        tone={open === undefined || open === 0 ? undefined : 'warn'}
      />
    </section>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function plural(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
