import { DeliveryCard } from './delivery-card.js';
import type { Delivery } from './shapes.js';

interface DeliveryListProps {
  readonly apiKey: string;
  readonly deliveries: readonly Delivery[] | undefined;
  /** When they were asked. */
  readonly atMs: number;
}

/** Every delivery. */
export function DeliveryList({ apiKey, deliveries, atMs }: DeliveryListProps) {
  return (
    <section className="card">
      <h2>Deliveries</h2>
      {deliveries === undefined ? (
        <p className="empty">Asking …</p>
      ) : deliveries.length === 0 ? (
        <p className="empty">
          There are none yet. Name one under <code>deliveries</code> in the configuration; the guide’s page on
          deliveries shows how.
        </p>
      ) : (
        <ul className="deliveries">
          {deliveries.map((delivery) => (
            <DeliveryCard key={delivery.name} apiKey={apiKey} delivery={delivery} atMs={atMs} />
          ))}
        </ul>
      )}
    </section>
  );
}
