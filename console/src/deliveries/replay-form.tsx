import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../api.js';
import type { Delivery, Replay } from './shapes.js';

const HOUR_MS = 3_600_000;

interface ReplayFormProps {
  readonly apiKey: string;
  /** At least one. */
  readonly deliveries: readonly Delivery[];
}

/** Starts a replay. Times are UTC, as everywhere in the console. */
export function ReplayForm({ apiKey, deliveries }: ReplayFormProps) {
  const client = useQueryClient();
  const [range] = useState(() => ({ from: fieldTime(Date.now() - HOUR_MS), to: fieldTime(Date.now() + 60_000) }));
  const start = useMutation({
    mutationFn: (body: object) => post<Replay>(apiKey, '/v1/replays', body),
    onSettled: () => client.invalidateQueries({ queryKey: ['/v1/replays'] }),
  });
  return (
    <form
      className="replay-form"
      aria-label="start a replay"
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate(bodyOf(new FormData(event.currentTarget)));
      }}
    >
      <label>
        <span>delivery</span>
        <select name="delivery">
          {deliveries.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        <span>tenant</span>
        <input name="tenant" placeholder="all" autoComplete="off" spellCheck={false} />
      </label>
      <label>
        <span>received from (UTC)</span>
        <input name="from" type="datetime-local" required defaultValue={range.from} />
      </label>
      <label>
        <span>to (UTC)</span>
        <input name="to" type="datetime-local" required defaultValue={range.to} />
      </label>
      <label>
        <span>rows a second</span>
        <input name="rate" type="number" min="1" step="1" placeholder="no limit" />
      </label>
      <button className="primary" type="submit" disabled={start.isPending}>
        Start replay
      </button>
      <p className={start.error === null ? 'answer quiet' : 'answer error'} role="status">
        {start.error !== null ? `It is not started: ${start.error.message}.` : start.isSuccess && 'It is started.'}
      </p>
    </form>
  );
}

/** A time as the field takes it: to the minute, without a zone. */
function fieldTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16);
}

function bodyOf(fields: FormData): object {
  const text = (name: string) => String(fields.get(name) ?? '').trim();
  return {
    delivery: text('delivery'),
    from: `${text('from')}Z`,
    to: `${text('to')}Z`,
    ...(text('tenant') === '' ? {} : { tenant: text('tenant') }),
    ...(text('rate') === '' ? {} : { rowsPerSecond: Number(text('rate')) }),
  };
}
