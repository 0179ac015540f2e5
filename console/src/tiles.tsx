import { useEffect, useState } from 'react';
import type { Stats } from './api.js';
import { formatCount, formatRate, formatSpan } from './format.js';

const KEPT = 60;

/** Events a second, freshness, and what was late or quarantined. */
export function Tiles({ stats }: { readonly stats: Stats | undefined }) {
  const rates = useHistory(stats?.nowMs, stats?.eventsPerSecond);
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
        <Sparkline values={rates} />
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

interface TileProps {
  readonly name: string;
  readonly value: string | undefined;
  readonly note: string | undefined;
  readonly testId: string;
  readonly tone?: 'warn' | undefined;
  readonly children?: React.ReactNode;
}

function Tile({ name, value, note, testId, tone, children }: TileProps) {
  return (
    <div className={tone === undefined ? 'card tile' : `card tile ${tone}`}>
      <h2>{name}</h2>
      <strong data-testid={testId}>{value ?? '–'}</strong>
      <p>{note ?? '\u00a0'}</p>
      {children}
    </div>
  );
}

/** The last values of a number that is sampled at `atMs`. */
function useHistory(atMs: number | undefined, value: number | undefined): readonly number[] {
  const [values, setValues] = useState<readonly number[]>([]);
  useEffect(() => {
    if (atMs !== undefined && value !== undefined) setValues((before) => [...before, value].slice(-KEPT));
  }, [atMs, value]);
  return values;
}

function Sparkline({ values }: { readonly values: readonly number[] }) {
  if (values.length < 2) return <svg className="sparkline" aria-hidden="true" />;
  const top = Math.max(...values, 1);
  const x = (i: number) => ((KEPT - values.length + i) / (KEPT - 1)) * 100;
  const y = (value: number) => 28 - (value / top) * 26;
  const line = values.map((value, i) => `${x(i).toFixed(2)},${y(value).toFixed(2)}`).join(' ');
  return (
    <svg className="sparkline" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`${x(0)},30 ${line} 100,30`} />
      <polyline points={line} />
    </svg>
  );
}
