/**
 * What pixel, click and postback share: one event from a visitor's or a network's request.
 */
import type { IncomingMessage } from 'node:http';
import type { Ingest, Outcome } from '../ingest.js';
import type { CollectServices } from '../options.js';
import { EVERY_TENANT } from '../../config/tenants.js';
import { MillraceError } from '../../util/errors.js';
import { EventJson, type EventFields } from './event-json.js';
import type { Visitor } from './visitor.js';

/** Single events of the default stream. */
export class Tracking {
  readonly services: CollectServices;
  readonly json: EventJson;
  readonly #ingest: Ingest;

  constructor(services: CollectServices, ingest: Ingest) {
    this.services = services;
    this.#ingest = ingest;
    this.json = new EventJson(ingest.definition.schema);
  }

  /** The bytes of an event, with what is known of the visitor. Fields that are there win, but for personal data without consent. */
  event(fields: EventFields, props: EventFields, visitor: Visitor): Buffer {
    const { labels, consent } = visitor;
    const known: EventFields = {
      user_agent: visitor.userAgent,
      referrer: visitor.referrer,
      ip: visitor.ip,
      user_id: visitor.userId,
      ...fields,
    };
    if (!consent.personal) {
      delete known['ip'];
      delete known['user_id'];
    }
    if (labels.length > 0) known['labels'] = labels;
    return this.json.encode(known, { ...props, ...consent.stored });
  }

  /** Writes one event; tells first where a guard sends its visitor. Throws TENANT_UNKNOWN, or why the log does not take it; both are counted. */
  async take(
    request: IncomingMessage,
    tenant: string,
    event: Buffer,
    onElsewhere?: (url: string) => void,
  ): Promise<Outcome> {
    const { accounts, tenants, metrics } = this.services;
    const { name } = this.#ingest.definition;
    if (tenants.directory.tenant(tenant) === undefined) {
      const account = accounts.of(name, EVERY_TENANT);
      account.received += 1;
      account.dropped.tenant_unknown = (account.dropped.tenant_unknown ?? 0) + 1;
      metrics.counter('millrace_events_dropped_total', { reason: 'tenant_unknown' }).add();
      this.services.unauthenticated(request);
      throw new MillraceError('TENANT_UNKNOWN', `there is no tenant '${tenant.slice(0, 64)}'`, { place: 'query t' });
    }
    const told = onElsewhere === undefined ? {} : { onElsewhere };
    return this.#ingest.take(event, tenant, { original: Buffer.from(request.url ?? ''), ...told });
  }

  /**
   * As `take`, but for a visitor who must not wait: answers after `clickWaitMs` at the latest, and
   * whether the event was dealt with by then. The writing goes on after that.
   */
  takeInTime(
    request: IncomingMessage,
    tenant: string,
    event: Buffer,
    onElsewhere?: (url: string) => void,
  ): Promise<boolean> {
    const { clock, limits, onError } = this.services;
    return new Promise((resolve) => {
      const cancel = clock.after(limits.clickWaitMs, () => resolve(false));
      this.take(request, tenant, event, onElsewhere)
        .then(
          () => resolve(true),
          (error: unknown) => {
            if (!(error instanceof MillraceError)) onError(error);
            // What was refused for good is counted as dropped; only what the log did not take is unlogged.
            resolve(error instanceof MillraceError && !error.retryable);
          },
        )
        .finally(cancel);
    });
  }

  /** Counts an event that was answered although the log had not taken it. */
  unlogged(route: 'pixel' | 'click', tenant: string): void {
    const known = this.services.tenants.directory.tenant(tenant) !== undefined;
    this.services.accounts.of(this.#ingest.definition.name, known ? tenant : EVERY_TENANT).unlogged += 1;
    this.services.metrics.counter('millrace_unlogged_total', { route }).add();
  }
}
