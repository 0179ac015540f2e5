import { useState } from 'react';
import { formatClock, formatCount } from '../format.js';
import { CauseRows } from './cause-rows.js';
import { ResolveButtons } from './resolve-buttons.js';
import { placeOf, type Cause } from './shapes.js';
import type { Resolve } from './use-resolve.js';

interface CauseCardProps {
  readonly apiKey: string;
  readonly cause: Cause;
  /** Null where this key may not redrive and drop. */
  readonly resolve: Resolve | null;
}

/** Rows that failed for one reason at one place: how many, the newest of them, and what to do about them. */
export function CauseCard({ apiKey, cause, resolve }: CauseCardProps) {
  const [isOpen, setOpen] = useState(false);
  const { stream, code, rows, tenants, newest } = cause;
  return (
    <li className="cause">
      <div className="cause-head">
        <div className="who">
          <h3>{code}</h3>
          <p className="quiet">
            {placeOf(cause)}, stream {stream}
          </p>
        </div>
        <dl>
          <div>
            <dt>rows</dt>
            <dd>{formatCount(rows)}</dd>
          </div>
          <div>
            <dt>tenants</dt>
            <dd>{formatCount(tenants)}</dd>
          </div>
          <div>
            <dt>newest (UTC)</dt>
            <dd>{formatClock(Date.parse(newest))}</dd>
          </div>
        </dl>
        {resolve !== null && <ResolveButtons cause={cause} resolve={resolve} />}
      </div>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Newest rows</summary>
        {isOpen && <CauseRows apiKey={apiKey} cause={cause} />}
      </details>
    </li>
  );
}
