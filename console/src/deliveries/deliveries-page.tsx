import type { Stats } from '../api.js';
import { usePoll } from '../poll.js';
import { DeliveryList } from './delivery-list.js';
import { DeliveryTiles } from './delivery-tiles.js';
import { Edges } from './edges.js';
import { Quarantine } from './quarantine.js';
import { Replays } from './replays.js';
import type { Cause, Delivery, EdgeAccount, Replay } from './shapes.js';
import './deliveries.css';

interface DeliveriesPageProps {
  readonly apiKey: string;
  readonly stats: Stats | undefined;
  /** Whether the server answers at all; where it does not, the page around says so. */
  readonly connected: boolean;
}

/** Deliveries, their accounts, what is quarantined, and replays. A tenant's key sees its own quarantine. */
export function DeliveriesPage({ apiKey, stats, connected }: DeliveriesPageProps) {
  // Late rows are an operator's to see: a tenant's key gets null.
  const isOperator = stats !== undefined && stats.late !== null;
  const deliveries = usePoll<{ deliveries: readonly Delivery[] }>(apiKey, '/v1/deliveries', 1_000, isOperator);
  const replays = usePoll<{ replays: readonly Replay[] }>(apiKey, '/v1/replays', 1_000, isOperator);
  const causes = usePoll<{ groups: readonly Cause[] }>(apiKey, '/v1/quarantine/stats', 2_000);
  // Adding up the accounts is a query over days of minutes.
  const audit = usePoll<{ edges: readonly EdgeAccount[] }>(apiKey, '/v1/audit', 5_000, isOperator);
  const error = [deliveries, replays, causes, audit].find((query) => query.error !== null)?.error;
  if (stats === undefined) return <section className="card empty">Asking for the deliveries …</section>;
  return (
    <>
      <h1 className="hidden">Deliveries</h1>
      {connected && error !== undefined && (
        <p className="notice" role="alert">
          A part of this page is not up to date: {error?.message}. Trying again.
        </p>
      )}
      {isOperator ? (
        <>
          <DeliveryTiles
            deliveries={deliveries.data?.deliveries}
            causes={causes.data?.groups}
            atMs={deliveries.dataUpdatedAt}
          />
          <DeliveryList apiKey={apiKey} deliveries={deliveries.data?.deliveries} atMs={deliveries.dataUpdatedAt} />
          <Edges edges={audit.data?.edges} />
        </>
      ) : (
        <section className="card">
          <h2>Deliveries</h2>
          <p className="empty">
            A delivery carries the rows of every tenant, so deliveries are the operator’s to see. Below is what failed
            among your own events; ask your operator to run it again once its cause is mended.
          </p>
        </section>
      )}
      <Quarantine apiKey={apiKey} causes={causes.data?.groups} mayResolve={isOperator} />
      {isOperator && (
        <Replays apiKey={apiKey} replays={replays.data?.replays} deliveries={deliveries.data?.deliveries} />
      )}
    </>
  );
}
