/**
 * Which streams and deliveries there are now: those of the configuration, and those made through the
 * Firehose API (`config/definitions.ts`). To every other part they are the same thing.
 *
 * Purpose. The one place that changes them while the process runs, and tells those who follow: the log,
 * the threads of deliveries, lake and queries, and the front door. A thread that starts again asks here.
 *
 * Invariants
 * - Changes follow one another; each is on disk before anybody is told.
 * - A delivery has its place in the log before the door of its stream opens, so it misses no row.
 * - Of a stream that is removed the door closes first and the readers go last. A crash in between leaves
 *   them to the next start, which `definitions.leaving` tells.
 */
import { basename } from 'node:path';
import type { KnownStream, NewStream, StreamAdmin } from './collect/protocols/firehose/admin.js';
import { readersOf } from './collect/protocols/firehose/destinations/index.js';
import type { MadeReaders } from './collect/protocols/firehose/destinations/kind.js';
import {
  MADE_STREAMS_MAX,
  type Definitions,
  type MadeDestination,
  type MadeStream,
  type Tags,
} from './config/definitions.js';
import type { DeliveryOptions, MillraceOptions, StreamOptions } from './config/options.js';
import type { TransformOptions } from './config/transform-options.js';
import { checkDelivery } from './deliver/check.js';
import { removeOldDeliveries } from './deliver/readers.js';
import { isInternalStream, QUARANTINE_SCHEMA, QUARANTINE_STREAM } from './event/internal.js';
import type { Schema } from './event/schema.js';
import type { Clock } from './io/clock.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import type { StreamDefinition } from './log/log.js';
import { planTransform, planTransforms, removeOldTransforms } from './transform/plan.js';
import { MillraceError } from './util/errors.js';

/** Who must know of a change. Each resolves when it acts by what is in force then. */
export interface Followers {
  readonly doors: { open(definition: StreamDefinition): void; close(stream: string): void };
  readonly threads: readonly (() => Promise<void>)[];
}

/** What it is made of. */
export interface RegistryInput {
  readonly options: Pick<MillraceOptions, 'file' | 'streams' | 'deliveries' | 'transforms' | 'firehose'>;
  readonly definitions: Definitions;
  /** Names that queries give to views. */
  readonly views: readonly string[];
  readonly clock: Clock;
}

/** What is not said of a made stream; as of a configured one. */
const MADE_DEFAULTS = {
  partitions: 1,
  clock: 'arrival',
  retentionMs: 7 * 86_400_000,
  bytesMax: 50 * 1024 ** 3,
  policy: 'refuse',
  lake: true,
} as const satisfies Omit<StreamOptions, 'name' | 'schema'>;

/** SQL reads so much of a name. */
const SQL_NAME_MAX = 63;

/** The streams and deliveries there are. */
export class Registry implements StreamAdmin {
  readonly #input: RegistryInput;
  /** What functions make of made streams. */
  #derived: readonly StreamOptions[] = [];
  /** Those that views declare. */
  #alerts: readonly DeliveryOptions[] = [];
  #log: EmbeddedLog | null = null;
  #followers: Followers | null = null;
  #changing: Promise<void> = Promise.resolve();

  /** Throws CONFIG_INVALID for a made stream that the configuration leaves no room for. */
  constructor(input: RegistryInput) {
    this.#input = input;
    for (const { name, schema, destination } of input.definitions.streams) {
      if (input.options.streams.some((stream) => stream.name === name))
        throw this.#invalid(name, 'the configuration has a stream of this name too; give that one another name');
      try {
        this.#readersOf(name, schema, destination);
      } catch (error) {
        throw this.#invalid(name, (error as Error).message, error);
      }
    }
  }

  /** All streams, in a stable order. */
  get all(): readonly StreamOptions[] {
    return [...this.#sources, ...this.#derived];
  }

  /** Those that are there without the functions of destinations. */
  get #sources(): readonly StreamOptions[] {
    const { options, definitions } = this.#input;
    return [
      ...options.streams,
      ...definitions.streams.map(({ name, schema }): StreamOptions => ({ ...MADE_DEFAULTS, name, schema })),
    ];
  }

  /** Those that take events from outside. */
  get open(): readonly StreamOptions[] {
    return this.all.filter((stream) => stream.derived !== true);
  }

  /** All deliveries. */
  get deliveries(): readonly DeliveryOptions[] {
    return [...this.#input.options.deliveries, ...this.#alerts, ...this.#made.flatMap(({ deliveries }) => deliveries)];
  }

  /** All transforms. */
  get transforms(): readonly TransformOptions[] {
    return [...this.#input.options.transforms, ...this.#made.flatMap(({ transforms }) => transforms)];
  }

  get #made(): readonly MadeReaders[] {
    return this.#input.definitions.streams.map(({ name, schema, destination }) =>
      this.#readersOf(name, schema, destination),
    );
  }

  /** Joins it with the log, and removes readers of streams that were being removed when the process ended. */
  async openIn(log: EmbeddedLog): Promise<void> {
    this.#log = log;
    await this.#derive();
    for (const stream of this.all) await log.createStream(stream);
    for (const name of this.#input.definitions.leaving) await this.#forget(name);
  }

  /** The deliveries of alerts, known when the views have their epochs. */
  addAlerts(deliveries: readonly DeliveryOptions[]): void {
    this.#alerts = deliveries;
  }

  /** From now on changes are told to these. */
  tell(followers: Followers): void {
    this.#followers = followers;
  }

  list(): readonly KnownStream[] {
    return this.open.map((stream) => this.#known(stream)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): KnownStream | undefined {
    const found = this.open.find((stream) => stream.name === name);
    return found && this.#known(found);
  }

  create(stream: NewStream): Promise<void> {
    return this.#change(() => this.#create(stream));
  }

  remove(name: string): Promise<void> {
    return this.#change(async () => {
      this.#madeStream(name);
      await this.#remove(name);
    });
  }

  replaceDestination(name: string, version: number, destination: MadeDestination): Promise<void> {
    return this.#change(async () => {
      const made = this.#madeStream(name);
      if (made.version !== version)
        throw new MillraceError(
          'STREAM_CHANGED',
          `'${name}' is at version ${made.version}, and the change is of another; describe it again`,
          { place: 'CurrentDeliveryStreamVersionId' },
        );
      const readers = await this.#check(name, made.schema, destination);
      const before = this.#readersOf(name, made.schema, made.destination);
      if (readers.transforms.length !== before.transforms.length)
        throw new MillraceError(
          'ARGUMENT_INVALID',
          `'${name}' has ${before.transforms.length === 0 ? 'no' : 'a'} function, and that can't change: make another stream`,
          { place: 'ProcessingConfiguration' },
        );
      const { definitions } = this.#input;
      await definitions.put({ ...made, version: made.version + 1, destination });
      try {
        await this.#tellThreads();
      } catch (error) {
        await definitions.put({ ...made, version: made.version + 1 });
        await this.#tellThreads();
        throw error;
      }
    });
  }

  setTags(name: string, tags: Tags): Promise<void> {
    return this.#change(() => this.#input.definitions.setTags(name, tags));
  }

  async #create({ name, schema, tags, destination }: NewStream): Promise<void> {
    const { definitions, clock } = this.#input;
    if (definitions.streams.length >= MADE_STREAMS_MAX)
      throw new MillraceError('LIMIT_EXCEEDED', `there are ${MADE_STREAMS_MAX} streams made through this API`, {
        place: 'DeliveryStreamName',
      });
    this.#checkName(name);
    const { transforms } = await this.#check(name, schema, destination);
    if (transforms.length > 0) this.#checkEmpty(name);
    if (definitions.leaving.includes(name)) await this.#forget(name);
    const definition = await this.#declare({ ...MADE_DEFAULTS, name, schema });
    await definitions.put({ name, createdMs: clock.now(), version: 1, schema, destination }, tags);
    try {
      await this.#tellThreads();
    } catch (error) {
      await this.#remove(name);
      throw error;
    }
    this.#followers?.doors.open(definition);
  }

  async #remove(name: string): Promise<void> {
    await this.#input.definitions.remove(name);
    this.#followers?.doors.close(name);
    await this.#tellThreads();
    await this.#forget(name);
  }

  /** Lets retention take what only the readers of a removed stream needed. */
  async #forget(name: string): Promise<void> {
    const log = this.#log!;
    await removeOldDeliveries(log, log.stats().readers, this.deliveries);
    await removeOldTransforms(log, log.stats().readers, this.transforms);
    for (const stream of [name, readerName(name)]) await log.removeReader(`lake.${stream}`);
    await this.#input.definitions.left(name);
  }

  async #declare(stream: StreamOptions): Promise<StreamDefinition> {
    try {
      return await this.#log!.createStream(stream);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.retryable) throw error;
      const code = error.code === 'CONFIG_INVALID' ? 'LIMIT_EXCEEDED' : 'ARGUMENT_INVALID';
      throw new MillraceError(code, error.message, { place: 'DeliveryStreamName', cause: error });
    }
  }

  async #tellThreads(): Promise<void> {
    await this.#derive();
    for (const follow of this.#followers?.threads ?? []) await follow();
  }

  #known({ name, schema }: StreamOptions): KnownStream {
    const { definitions } = this.#input;
    return {
      name,
      schema,
      made: definitions.find(name) ?? null,
      tags: definitions.tagsOf(name),
      deliveries: this.deliveries.filter(({ from }) => from === name),
    };
  }

  #readersOf(stream: string, schema: Schema, destination: MadeDestination | null): MadeReaders {
    if (destination === null) return { transforms: [], deliveries: [] };
    const { firehose } = this.#input.options;
    return readersOf(destination, { name: readerName(stream), stream, schema, firehose });
  }

  /** What only shows with the schema: SQL, functions, and what formats ask of it. */
  async #check(stream: string, schema: Schema, destination: MadeDestination | null): Promise<MadeReaders> {
    const readers = this.#readersOf(stream, schema, destination);
    const schemas = new Map([
      [stream, schema],
      [QUARANTINE_STREAM, QUARANTINE_SCHEMA],
    ]);
    try {
      for (const transform of readers.transforms)
        schemas.set(transform.to, (await planTransform(transform, schema)).output);
      for (const delivery of readers.deliveries) await checkDelivery(delivery, schemas.get(delivery.from)!);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw new MillraceError('ARGUMENT_INVALID', error.message, { place: 'body', cause: error });
    }
    return readers;
  }

  /** A function reads its stream from the oldest row: those of a deleted stream would go out again. */
  #checkEmpty(name: string): void {
    const log = this.#log!;
    if (log.stream(name) === undefined || log.range(name, 0).start === log.range(name, 0).end) return;
    throw new MillraceError(
      'ARGUMENT_INVALID',
      `rows of a deleted stream '${name}' are still there, and a function would run on them: take another name`,
      { place: 'DeliveryStreamName' },
    );
  }

  /** Works out anew what functions make of made streams. */
  async #derive(): Promise<void> {
    const made = this.#made.flatMap(({ transforms }) => transforms);
    const { streams, errors } = await planTransforms(made, this.#sources);
    if (errors.length > 0) throw errors[0]!;
    this.#derived = streams;
    for (const stream of streams) await this.#log!.createStream(stream);
  }

  /** A stream that can be changed here. */
  #madeStream(name: string): MadeStream {
    const made = this.#input.definitions.find(name);
    if (made !== undefined) return made;
    const { file } = this.#input.options;
    throw new MillraceError(
      'ARGUMENT_INVALID',
      `'${name}' is of the configuration${file === undefined ? '' : ` (${basename(file)})`}: change it there`,
      { place: 'DeliveryStreamName' },
    );
  }

  #checkName(name: string): void {
    const refuse = (message: string): never => {
      throw new MillraceError('ARGUMENT_INVALID', `DeliveryStreamName: ${message}`, { place: 'DeliveryStreamName' });
    };
    if (this.all.some((stream) => stream.name === name))
      throw new MillraceError('STREAM_EXISTS', `Firehose ${name} already exists`, { place: 'DeliveryStreamName' });
    if (isInternalStream(name) || name.toLowerCase().startsWith(readerName('')))
      refuse(`'${name}' is a name of Millrace's own`);
    if (this.#input.views.includes(name)) refuse(`'${name}' is a view`);
    if (/^\.+$/.test(name)) refuse('expected a name that is more than dots');
    // Folders are named after streams, and not every file system tells capitals apart.
    const near = this.#log!.streams().find((other) => other.name !== name && shortened(other.name) === shortened(name));
    if (near !== undefined)
      refuse(`'${name}' is too like '${near.name}': capitals and the 64th character do not count`);
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    // The caller gets the rejection; the queue goes on.
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  #invalid(name: string, message: string, cause?: unknown): MillraceError {
    const { path } = this.#input.definitions;
    return new MillraceError('CONFIG_INVALID', `${path}: stream '${name}': ${message}`, { place: path, cause });
  }
}

/** The name of the delivery and of the function of a made stream; no other can have a dot in it. */
function readerName(stream: string): string {
  return `firehose.${stream}`;
}

function shortened(name: string): string {
  return name.toLowerCase().slice(0, SQL_NAME_MAX);
}
