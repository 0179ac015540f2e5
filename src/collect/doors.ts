/**
 * The streams that take events from outside, by name; they come and go while the process runs.
 */
import type { StreamDefinition } from '../log/log.js';
import { Ingest, type IngestShared } from './ingest.js';
import type { CollectServices } from './options.js';

/** The open streams. */
export class Doors {
  readonly #services: CollectServices;
  readonly #shared: Omit<IngestShared, 'guards'>;
  readonly #open = new Map<string, Ingest>();

  constructor(services: CollectServices, shared: Omit<IngestShared, 'guards'>) {
    this.#services = services;
    this.#shared = shared;
  }

  /** The stream, or undefined when there is none or it takes nothing. */
  get(stream: string): Ingest | undefined {
    return this.#open.get(stream);
  }

  /** Takes events into a stream from now on. */
  open(definition: StreamDefinition): void {
    this.close(definition.name);
    const guards = this.#services.guards?.of(definition) ?? null;
    this.#open.set(definition.name, new Ingest(definition, this.#services, { ...this.#shared, guards }));
  }

  /** Takes nothing more; what is under way ends as it would. */
  close(stream: string): void {
    this.#open.get(stream)?.close();
    this.#open.delete(stream);
  }
}
