import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from '../api.js';
import { formatClock, formatCount } from '../format.js';
import { decodeOriginal } from './original.js';
import type { QuarantinedRow } from './shapes.js';

interface QuarantinedRowProps {
  readonly apiKey: string;
  readonly row: QuarantinedRow;
}

/** One open row; opened, with its original. */
export function QuarantinedRowItem({ apiKey, row }: QuarantinedRowProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)} data-testid={`row-${row.offset}`}>
        <summary>
          <span className="quiet time">{formatClock(Date.parse(row.at))}</span> <strong>{row.tenant}</strong>{' '}
          <span className="text">{row.message}</span>
          {row.attempts > 1 && <span className="quiet"> ({row.attempts} attempts)</span>}
        </summary>
        {isOpen && <Original apiKey={apiKey} row={row} />}
      </details>
    </li>
  );
}

function Original({ apiKey, row }: QuarantinedRowProps) {
  const { offset, originalLength } = row;
  // A row's original never changes.
  const { data, error } = useQuery({
    queryKey: ['original', apiKey, offset],
    queryFn: ({ signal }) => get<QuarantinedRow>(apiKey, `/v1/quarantine/${offset}`, signal),
    staleTime: Infinity,
  });
  if (data === undefined) return <p className="quiet">{error === null ? 'Asking …' : error.message}</p>;
  const shown = decodeOriginal(data.original ?? null);
  if (shown === null)
    return <p className="quiet">Its original of {formatCount(originalLength)} bytes was too long to be kept.</p>;
  return (
    <>
      <p className="quiet">
        The original, {formatCount(originalLength)} bytes{shown.kind === 'bytes' && ', not text'}
      </p>
      <pre tabIndex={0} aria-label={`original of row ${offset}`}>
        {shown.text}
      </pre>
    </>
  );
}
