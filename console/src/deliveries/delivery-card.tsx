import { formatCount, formatRate, formatSpan } from '../format.js';
import { Sparkline, useHistory } from '../sparkline.js';
import { stateOf } from './delivery-state.js';
import { LastErrors } from './last-errors.js';
import { PauseButton } from './pause-button.js';
import type { Delivery } from './shapes.js';
import { usePause } from './use-pause.js';

const KEPT = 180;

interface DeliveryCardProps {
  readonly apiKey: string;
  readonly delivery: Delivery;
  /** When it was asked. */
  readonly atMs: number;
}

/** One delivery: what it is, how it is, its numbers, its switch, and what failed last. */
export function DeliveryCard({ apiKey, delivery, atMs }: DeliveryCardProps) {
  const { name, from, sink, totals, pendingRows, oldestMs, retries, rowsPerSecond, errors } = delivery;
  const rates = useHistory(atMs, rowsPerSecond, KEPT);
  const pause = usePause(apiKey, delivery);
  const { text, tone, reason } = stateOf(delivery);
  const numbers = [
    ['delivered', formatCount(totals['ok'] ?? 0)],
    ['waiting', formatCount(pendingRows)],
    ['oldest', oldestMs === 0 ? '–' : formatSpan(oldestMs)],
    ['retries', formatCount(retries)],
    ['quarantined', formatCount(totals['quarantined'] ?? 0)],
  ] as const;
  return (
    <li className="delivery" aria-label={name} data-testid={`delivery-${name}`}>
      <div className="who">
        <h3>{name}</h3>
        <p className="quiet">
          <span className={`state ${tone}`} data-testid="state">
            {text}
          </span>{' '}
          {from} → {sink}
        </p>
      </div>
      <dl>
        {numbers.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd data-testid={label} className={label === 'quarantined' && value !== '0' ? 'error' : undefined}>
              {value}
            </dd>
          </div>
        ))}
      </dl>
      <div className="rate">
        <p>
          rows/s <strong data-testid="rate">{formatRate(rowsPerSecond)}</strong>
        </p>
        <Sparkline values={rates} kept={KEPT} />
      </div>
      <PauseButton name={name} pause={pause} />
      <div className="below">
        {pause.error !== null && (
          <p className="error" role="alert">
            {pause.error}
          </p>
        )}
        {reason !== null && <p className={tone === 'warn' ? 'error' : 'quiet'}>{reason}</p>}
        <LastErrors errors={errors} />
      </div>
    </li>
  );
}
