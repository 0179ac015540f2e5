import { formatCount } from '../format.js';
import type { EdgeAccount } from './shapes.js';

/** What each transform, delivery and replay made of what it read, and whether that adds up. */
export function Edges({ edges }: { readonly edges: readonly EdgeAccount[] | undefined }) {
  return (
    <section className="card">
      <h2>Accounts</h2>
      {edges === undefined || edges.length === 0 ? (
        <p className="empty">
          {edges === undefined
            ? 'Asking …'
            : 'There are none yet: an account begins with the first rows that a delivery or transform has read.'}
        </p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label="accounts">
          <table data-testid="edges">
            <thead>
              <tr>
                <th>Reader</th>
                <th>Reads</th>
                {['Read', 'Ok', 'Filtered', 'Quarantined', 'Dropped', 'Pending'].map((name) => (
                  <th key={name} className="number">
                    {name}
                  </th>
                ))}
                <th>Closes</th>
              </tr>
            </thead>
            <tbody>
              {edges.map((edge) => (
                <EdgeRow key={`${edge.edge} ${edge.stream}`} edge={edge} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function EdgeRow({ edge }: { readonly edge: EdgeAccount }) {
  return (
    <tr>
      <td>{edge.edge}</td>
      <td className="quiet">{edge.stream}</td>
      <td className="number">{formatCount(edge.read)}</td>
      <td className="number">{formatCount(edge.ok)}</td>
      <Reasons counts={edge.filtered} />
      <Reasons counts={edge.quarantined} />
      <Reasons counts={edge.dropped} />
      <td className="number">{edge.pending === null ? '–' : formatCount(edge.pending)}</td>
      <td>
        <Closes edge={edge} />
      </td>
    </tr>
  );
}

/** A sum; its reasons show when the pointer rests on it. */
function Reasons({ counts }: { readonly counts: Readonly<Record<string, number>> }) {
  const entries = Object.entries(counts);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  return (
    <td
      className="number"
      title={entries.map(([reason, count]) => `${reason || 'no reason'}: ${formatCount(count)}`).join('\n')}
    >
      {formatCount(total)}
    </td>
  );
}

function Closes({ edge }: { readonly edge: EdgeAccount }) {
  const [first] = edge.open;
  if (first === undefined && edge.difference === 0) return <span className="state good">yes</span>;
  const where = first === undefined ? '' : ` at ${first.tenant}, ${first.minute.slice(0, 16).replace('T', ' ')}`;
  return (
    <span className="state warn">
      off by {formatCount(first?.rows ?? edge.difference)}
      {where}
    </span>
  );
}
