/**
 * The deliveries of a thread: which run, started and ended one by one.
 *
 * A delivery whose definition changes is stopped and started again; its reader goes on from where it
 * was. One that is gone keeps its positions in the log until it is removed there (`removeReader`),
 * which is for whoever owns the definitions.
 */
import type { DeliveryOptions, OnceOptions } from '../config/options.js';
import { Quarantine } from '../event/quarantine.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Network } from '../io/network.js';
import type { Random } from '../io/random.js';
import type { Log } from '../log/log.js';
import { startReaderLoop, type ReaderLoop } from '../log/reader-loop.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import { parseCondition } from '../sql/expression.js';
import { MillraceError } from '../util/errors.js';
import type { ReplayOptions } from './replay.js';
import { Once } from './once.js';
import { RunningReplay, type ReplayProgress } from './replays.js';
import { createSink } from './sinks/index.js';
import { DeliveryStage, type DeliveryInput } from './stage.js';
import type { DeliveryStatus } from './status.js';

/** What a tenant may have in the quarantine. */
export interface QuarantineLimits {
  readonly tenantBytesMax: number;
  readonly eventBytesMax: number;
}

/** A delivery and its reader. */
export interface DeliverySnapshot {
  readonly delivery: DeliveryStatus;
  readonly reader: ReaderLoopStatus;
}

/** What deliveries run on. */
export interface DeliveriesInput {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly quarantine: QuarantineLimits;
  /** Answers a SELECT as NDJSON, as an operator. */
  readonly ask: (sql: string, rowsMax: number) => Promise<Uint8Array>;
  readonly onStatus: (status: ReaderLoopStatus) => void;
}

type Replay = NonNullable<DeliveryInput['replay']>;

interface Running {
  readonly options: DeliveryOptions;
  readonly definition: string;
  readonly stage: DeliveryStage;
  readonly loop: ReaderLoop;
}

/** Rows read between two flushes: a cut may be that much larger than its hint. */
const FLUSH_ROWS = 20_000;

/** Runs deliveries. */
export class Deliveries {
  readonly #input: DeliveriesInput;
  readonly #log: Log;
  readonly #quarantine: Quarantine;
  readonly #running = new Map<string, Running>();
  readonly #replays = new Map<string, RunningReplay>();
  /** By folder: what alerts have told. */
  readonly #once = new Map<string, Once>();
  #applying: Promise<void> = Promise.resolve();

  constructor(input: DeliveriesInput) {
    this.#input = input;
    this.#log = input.log;
    this.#quarantine = new Quarantine({ clock: input.clock, ...input.quarantine });
  }

  /** Makes these run and no others. */
  apply(deliveries: readonly DeliveryOptions[], replays: readonly ReplayOptions[]): Promise<void> {
    const applied = this.#applying.then(() => this.#apply(deliveries, replays));
    // The caller gets the rejection; the queue goes on.
    this.#applying = applied.catch(() => undefined);
    return applied;
  }

  /** What all of them do. */
  status(): DeliverySnapshot[] {
    return Array.from(this.#running.values(), ({ stage, loop }) => ({
      delivery: stage.status(),
      reader: loop.status(),
    }));
  }

  /** How far replays are. */
  replays(): ReplayProgress[] {
    return Array.from(this.#replays.values(), (replay) => replay.progress());
  }

  /** Pauses a delivery, or lets it go on. */
  async pause(name: string, paused: boolean): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined)
      throw new MillraceError('DELIVERY_UNKNOWN', `there is no delivery '${name}'`, { place: name });
    running.stage.paused = paused;
  }

  /** Delivers everything that is durable now. */
  async drain(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { stage } of all) stage.draining = true;
    try {
      await Promise.all(all.map(({ loop }) => loop.drained()));
    } finally {
      for (const { stage } of all) stage.draining = false;
    }
  }

  /** Ends all of them; what is under way has `graceMs` to end well. */
  async stop(graceMs: number): Promise<void> {
    await this.#applying;
    await Promise.all([
      ...Array.from(this.#running.values(), (running) => this.#end(running, graceMs)),
      ...Array.from(this.#replays.values(), (replay) => replay.stop(graceMs)),
    ]);
    this.#running.clear();
    this.#replays.clear();
    await Promise.all(Array.from(this.#once.values(), (once) => once.close()));
    this.#once.clear();
  }

  async #apply(deliveries: readonly DeliveryOptions[], replays: readonly ReplayOptions[]): Promise<void> {
    const wanted = new Map(deliveries.map((options) => [options.name, options]));
    for (const [name, running] of this.#running) {
      const options = wanted.get(name);
      if (options !== undefined && JSON.stringify(options) === running.definition) continue;
      this.#running.delete(name);
      await this.#end(running, 0);
    }
    for (const options of deliveries)
      if (!this.#running.has(options.name)) this.#running.set(options.name, await this.#begin(options));
    await this.#applyReplays(deliveries, replays);
  }

  async #applyReplays(deliveries: readonly DeliveryOptions[], replays: readonly ReplayOptions[]): Promise<void> {
    const wanted = new Set(replays.map(({ id }) => id));
    for (const [id, running] of this.#replays) {
      if (wanted.has(id)) continue;
      this.#replays.delete(id);
      await running.stop(0);
    }
    const { clock, ask } = this.#input;
    for (const options of replays) {
      const delivery = deliveries.find(({ name }) => name === options.delivery);
      if (this.#replays.has(options.id) || delivery === undefined) continue;
      const begin = (of: DeliveryOptions, replay: Replay) => this.#begin(of, replay);
      const running = new RunningReplay(options, { log: this.#log, clock, ask, begin });
      await running.start(delivery);
      this.#replays.set(options.id, running);
    }
  }

  async #begin(options: DeliveryOptions, replay?: Replay): Promise<Running> {
    const { clock, random, disk, network, onStatus } = this.#input;
    const { name, from, requestsMax } = options;
    const schema = this.#log.stream(from)?.schema;
    if (schema === undefined)
      throw new MillraceError('STREAM_UNKNOWN', `delivery ${name}: there is no stream '${from}'`, { place: name });
    const filter =
      options.filter === null ? null : await parseCondition(options.filter, schema, `deliveries.${name}.filter`);
    const once = options.once === undefined ? undefined : this.#onceOf(options.once);
    const stage = new DeliveryStage({
      options,
      log: this.#log,
      schema,
      filter,
      sink: createSink(options.sink, {
        name,
        stream: from,
        schema,
        requestsMax,
        clock,
        random,
        disk,
        network,
        ...(once === undefined ? {} : { idempotencyKey: once.idempotencyKey }),
        ...(replay === undefined ? {} : { replay: replay.options.id }),
      }),
      quarantine: this.#quarantine,
      clock,
      random,
      ...(once === undefined ? {} : { once }),
      ...(replay === undefined ? {} : { replay }),
    });
    const loop = startReaderLoop({ log: this.#log, stage, clock, options: { flushRows: FLUSH_ROWS }, onStatus });
    return { options, definition: JSON.stringify(options), stage, loop };
  }

  /** One a folder: a replay of a delivery asks the same. */
  #onceOf(options: OnceOptions): Once {
    let once = this.#once.get(options.folder);
    if (once === undefined) this.#once.set(options.folder, (once = new Once(options)));
    return once;
  }

  async #end({ stage, loop }: Running, graceMs: number): Promise<void> {
    await stage.settled(graceMs);
    await loop.stop();
  }
}
