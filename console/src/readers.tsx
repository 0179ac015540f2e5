import type { ReaderStats } from './api.js';
import { formatCount, formatSpan } from './format.js';

/** Each reader of the log and how far it is behind. */
export function Readers({ readers }: { readonly readers: readonly ReaderStats[] | undefined }) {
  const top = Math.max(1, ...(readers ?? []).map(({ lagRows }) => lagRows));
  return (
    <section className="card">
      <h2>Readers</h2>
      {readers === undefined || readers.length === 0 ? (
        <p className="empty">
          {readers === undefined ? 'Asking …' : 'Nothing reads yet: there are no views and no lake.'}
        </p>
      ) : (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>Reader</th>
                <th>Stream</th>
                <th className="number">Rows behind</th>
                <th className="number">Time behind</th>
                <th aria-hidden="true" />
              </tr>
            </thead>
            <tbody>
              {readers.map(({ id, stream, state, lagRows, lagMs }) => (
                <tr key={`${id} ${stream}`}>
                  <td>
                    {id} {state !== 'running' && <span className="state corrected">{state}</span>}
                  </td>
                  <td className="quiet">{stream}</td>
                  <td className="number">{formatCount(lagRows)}</td>
                  <td className="number">{lagRows === 0 ? '–' : formatSpan(lagMs)}</td>
                  <td className="bar">
                    <span style={{ inlineSize: `${(lagRows / top) * 100}%` }} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
