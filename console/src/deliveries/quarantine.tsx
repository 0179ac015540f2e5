import { CauseCard } from './cause-card.js';
import type { Cause } from './shapes.js';
import { useResolve } from './use-resolve.js';

interface QuarantineProps {
  readonly apiKey: string;
  readonly causes: readonly Cause[] | undefined;
  /** Whether this key may redrive and drop. */
  readonly mayResolve: boolean;
}

/** Open rows by cause. */
export function Quarantine({ apiKey, causes, mayResolve }: QuarantineProps) {
  const resolve = useResolve(apiKey);
  return (
    <section className="card" data-testid="quarantine">
      <div className="panel-head">
        <h2>Quarantine</h2>
        <p className={resolve.failed ? 'answer error' : 'answer quiet'} role="status">
          {resolve.answer}
        </p>
      </div>
      {causes === undefined || causes.length === 0 ? (
        <p className="empty">{causes === undefined ? 'Asking …' : 'Nothing is quarantined.'}</p>
      ) : (
        <ul className="causes">
          {causes.map((cause) => (
            <CauseCard key={causeKey(cause)} apiKey={apiKey} cause={cause} resolve={mayResolve ? resolve : null} />
          ))}
        </ul>
      )}
    </section>
  );
}

function causeKey({ stage, reader, stream, code }: Cause): string {
  return [stage, reader ?? '', stream, code].join(' ');
}
