import type { Stats } from './api.js';
import { formatCount, formatRate, formatSpan } from './format.js';
import { Sparkline, useHistory } from './sparkline.js';
import { Tile } from './tile.js';

const KEPT = 60;

/** Events a second, freshness, and what was late or quarantined. */
export function Tiles({ stats }: { readonly stats: Stats | undefined }) {
  const rates = useHistory(stats?.nowMs, stats?.eventsPerSecond, KEPT);
  const fresh = (stats?.views ?? []).map(({ freshnessMs }) => freshnessMs).filter((ms) => ms !== null);
  const worst = fresh.length === 0 ? undefined : Math.max(...fresh);
  return (
    <section className="tiles" aria-label="now">
      <Tile
        name="Events a second"
        value={stats && formatRate(stats.eventsPerSecond)}
        note={stats && `${formatCount(stats.accepted)} since start`}
        testId="events-per-second"
      >
        <Sparkline values={rates} kept={KEPT} />
      </Tile>
      <Tile
        name="Freshness"
        value={worst === undefined ? '–' : formatSpan(worst)}
        note="event to row, slowest view"
        testId="freshness"
      />
      <Tile
        name="Late"
        value={stats && (stats.late === null ? '–' : formatCount(stats.late))}
        note={stats?.late === null ? "an operator's to see" : 'beyond the allowed lateness'}
        testId="late"
        tone={stats?.late ? 'warn' : undefined}
      />
      <Tile
        name="Quarantined"
        value={stats && formatCount(stats.quarantined)}
        note={stats && `${formatCount(stats.duplicates)} duplicates told apart`}
        testId="quarantined"
        tone={stats?.quarantined ? 'warn' : undefined}
      />
    </section>
  );
}
