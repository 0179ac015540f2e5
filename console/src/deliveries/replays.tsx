import { ReplayForm } from './replay-form.js';
import { ReplayItem } from './replay-item.js';
import type { Delivery, Replay } from './shapes.js';

const ENDED_SHOWN = 5;

interface ReplaysProps {
  readonly apiKey: string;
  /** The newest first. */
  readonly replays: readonly Replay[] | undefined;
  readonly deliveries: readonly Delivery[] | undefined;
}

/** Replays that run, the last that ended, and a form for the next. */
export function Replays({ apiKey, replays, deliveries }: ReplaysProps) {
  const running = (replays ?? []).filter(({ state }) => state === 'running');
  const ended = (replays ?? []).filter(({ state }) => state !== 'running').slice(0, ENDED_SHOWN);
  return (
    <section className="card" data-testid="replays">
      <h2>Replays</h2>
      {replays === undefined || replays.length === 0 ? (
        <p className="empty">
          {replays === undefined
            ? 'Asking …'
            : 'There are none yet. A replay brings a part of a delivery’s stream to its sink once more, by the time of arrival.'}
        </p>
      ) : (
        <ul className="replays">
          {[...running, ...ended].map((replay) => (
            <ReplayItem key={replay.id} apiKey={apiKey} replay={replay} />
          ))}
        </ul>
      )}
      {deliveries !== undefined && deliveries.length > 0 && <ReplayForm apiKey={apiKey} deliveries={deliveries} />}
    </section>
  );
}
