import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../api.js';
import { formatCount, formatMinute, formatSpan } from '../format.js';
import type { Replay } from './shapes.js';

/** One replay: its part, how far it is, and, while it runs, how to end it. */
export function ReplayItem({ apiKey, replay }: { readonly apiKey: string; readonly replay: Replay }) {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => post(apiKey, `/v1/replays/${encodeURIComponent(replay.id)}/cancel`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: ['/v1/replays'] }),
  });
  const { id, delivery, tenant, fromMs, toMs, state, rowsDone, rowsTotal, feeding } = replay;
  const isRunning = state === 'running';
  return (
    <li className="replay" data-testid={`replay-${id}`}>
      <div className="who">
        <h3>{delivery}</h3>
        <p className="quiet">
          <span className={`state ${isRunning ? 'busy' : state === 'done' ? 'good' : 'quiet'}`}>{state}</span>{' '}
          {tenant ?? 'all tenants'}, {formatMinute(fromMs)} to {formatMinute(toMs)}
        </p>
      </div>
      <div className="progress">
        {state !== 'cancelled' && (
          <progress
            aria-label={`progress of the replay of ${delivery}`}
            max={Math.max(1, rowsTotal)}
            value={state === 'done' ? Math.max(1, rowsTotal) : rowsDone}
          />
        )}
        <p className="quiet">
          {formatCount(rowsDone)}
          {isRunning && ` of ${formatCount(rowsTotal)}`} rows{feeding && ' and more from the lake'}
          {timeText(replay)}
        </p>
        {replay.reason !== null && <p className="error">{replay.reason}</p>}
        {cancel.error !== null && (
          <p className="error" role="alert">
            It is not cancelled: {cancel.error.message}.
          </p>
        )}
      </div>
      {isRunning && (
        <button
          type="button"
          className="quiet-button switch"
          aria-label={`Cancel the replay of ${delivery}`}
          disabled={cancel.isPending}
          onClick={() => cancel.mutate()}
        >
          Cancel
        </button>
      )}
    </li>
  );
}

function timeText({ state, etaMs, endedMs, quarantined }: Replay): string {
  const failed = quarantined === 0 ? '' : `, ${formatCount(quarantined)} quarantined`;
  if (state !== 'running') return endedMs === null ? failed : `${failed}, ended ${formatMinute(endedMs)}`;
  return etaMs === null ? failed : `${failed}, ${formatSpan(etaMs)} left`;
}
