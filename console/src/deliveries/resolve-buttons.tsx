import { useState } from 'react';
import { ConfirmDialog } from '../confirm-dialog.js';
import { formatCount } from '../format.js';
import { placeOf, type Cause } from './shapes.js';
import type { Resolve, ResolveAction, ResolveRequest } from './use-resolve.js';

interface ResolveButtonsProps {
  readonly cause: Cause;
  readonly resolve: Resolve;
}

/** Redrive and Drop for the rows of a cause, each after a question that says how many. */
export function ResolveButtons({ cause, resolve }: ResolveButtonsProps) {
  const [asked, setAsked] = useState<ResolveRequest>();
  const names = { redrive: 'Redrive', drop: 'Drop' } as const;
  return (
    <div className="resolve">
      {(['redrive', 'drop'] as const).map((action) => (
        <button
          key={action}
          type="button"
          className="quiet-button"
          aria-label={`${names[action]} ${cause.code}`}
          disabled={resolve.pending}
          onClick={() => setAsked({ action, cause, rows: cause.rows })}
        >
          {names[action]}
        </button>
      ))}
      {asked !== undefined && (
        <ConfirmDialog
          title={`${names[asked.action]} ${rowsText(asked.rows)}?`}
          confirm={`${names[asked.action]} ${rowsText(asked.rows)}`}
          onConfirm={() => resolve.run(asked)}
          onClose={() => setAsked(undefined)}
        >
          {questionOf(asked.action, cause)}
        </ConfirmDialog>
      )}
    </div>
  );
}

function questionOf(action: ResolveAction, cause: Cause): string {
  if (action === 'drop')
    return `Rows with ${cause.code} are given up: they stay in the stream, marked, and nothing takes them up again.`;
  return `Rows with ${cause.code} go through ${placeOf(cause)} once more. What fails again comes back with one more attempt.`;
}

function rowsText(rows: number): string {
  return rows === 1 ? '1 row' : `${formatCount(rows)} rows`;
}
