import { formatCount } from '../format.js';
import { usePoll } from '../poll.js';
import { QuarantinedRowItem } from './quarantined-row.js';
import type { Cause, QuarantinedRow } from './shapes.js';

const SHOWN = 5;

/** The newest few rows of a cause. */
export function CauseRows({ apiKey, cause }: { readonly apiKey: string; readonly cause: Cause }) {
  const { stage, reader, stream, code, rows } = cause;
  const query = new URLSearchParams({ stage, stream, code, order: 'newest', limit: String(SHOWN) });
  if (reader !== null) query.set('reader', reader);
  const { data, error } = usePoll<{ rows: readonly QuarantinedRow[] }>(apiKey, `/v1/quarantine?${query}`, 2_000);
  if (data === undefined) return <p className="quiet">{error === null ? 'Asking …' : error.message}</p>;
  return (
    <>
      <ul className="rows">
        {data.rows.map((row) => (
          <QuarantinedRowItem key={row.offset} apiKey={apiKey} row={row} />
        ))}
      </ul>
      {rows > SHOWN && (
        <p className="quiet">
          {formatCount(rows - SHOWN)} more; <code>millrace quarantine list</code> shows all.
        </p>
      )}
    </>
  );
}
