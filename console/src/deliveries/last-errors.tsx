import { formatClock } from '../format.js';
import type { DeliveryError } from './shapes.js';

/** Failed attempts, the newest first; closed until asked for. */
export function LastErrors({ errors }: { readonly errors: readonly DeliveryError[] }) {
  const last = errors.at(-1);
  if (last === undefined) return <p className="quiet">No failed attempt since the start.</p>;
  return (
    <details data-testid="last-errors">
      <summary>
        Last errors ({errors.length})<span className="preview quiet">{last.message}</span>
      </summary>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Time (UTC)</th>
              <th>Message</th>
              <th className="number">Times</th>
            </tr>
          </thead>
          <tbody>
            {errors.toReversed().map(({ atMs, message, times }) => (
              <tr key={`${atMs} ${message}`}>
                <td>{formatClock(atMs)}</td>
                <td className="text">{message}</td>
                <td className="number">{times}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
