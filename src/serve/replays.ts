/**
 * Replays: what is asked for, what runs, what became of it.
 *
 * A replay is made from a stream's range of time: the offsets of its part of the log are found and
 * fixed at once, rows that the log does not hold any more come from the lake. `replays.json` in the
 * data folder holds the running ones and the last `KEPT` that ended; it is replaced whole. The
 * deliveries' thread runs them; here it is looked now and then whether one is done.
 *
 * Limits: `RUNNING_MAX` at a time.
 */
import { join } from 'node:path';
import type { DeliveryOptions } from '../config/options.js';
import { feedReader } from '../deliver/replay-feed.js';
import { replaySchema, replayStream, type ReplayOptions } from '../deliver/replay.js';
import type { ReplayProgress } from '../deliver/replays.js';
import type { Schema } from '../event/schema.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import { readJsonFile, writeJsonFile } from '../io/json-file.js';
import type { Random } from '../io/random.js';
import { offsetAtTime } from '../log/at-time.js';
import type { Log, Position, StreamDefinition } from '../log/log.js';
import { MillraceError } from '../util/errors.js';

const RUNNING_MAX = 16;
const KEPT = 100;
const LOOK_MS = 1_000;

/** What is asked for. */
export interface ReplayRequest {
  readonly delivery: string;
  readonly tenant: string | null;
  readonly fromMs: number;
  readonly toMs: number;
  readonly rowsPerSecond: number | null;
}

/** A replay, as it is shown. */
export interface ReplayShown extends ReplayRequest {
  readonly id: string;
  readonly stream: string;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly createdMs: number;
  readonly endedMs: number | null;
  readonly rowsDone: number;
  readonly rowsTotal: number;
  /** Rows of the lake are still being fetched: the total may grow. */
  readonly feeding: boolean;
  readonly delivered: number;
  readonly quarantined: number;
  /** Time left at the rate since the start, ms; null when nothing can be said. */
  readonly etaMs: number | null;
  /** Why it does not go on; null while it does. */
  readonly reason: string | null;
}

interface KeptReplay {
  readonly options: ReplayOptions;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly endedMs: number | null;
  readonly rows: number;
  readonly delivered: number;
  readonly quarantined: number;
}

/** What replays work with. */
export interface ReplaysInput {
  readonly log: Log & { createStream(definition: StreamDefinition): Promise<unknown> };
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly dataFolder: string;
  readonly deliveries: () => readonly DeliveryOptions[];
  /** Whether a stream's rows are in the lake. */
  readonly hasLake: (stream: string) => boolean;
  readonly streamOf: (name: string, schema: Schema) => StreamDefinition;
  /** Makes these the replays that run. */
  readonly apply: (replays: readonly ReplayOptions[]) => Promise<void>;
  readonly progress: () => Promise<readonly ReplayProgress[]>;
  readonly onError: (error: unknown) => void;
}

/** The replays that were running when the process ended, for the start of the deliveries' thread. */
export function keptReplays(disk: Disk, dataFolder: string): ReplayOptions[] {
  return readKept(disk, dataFolder)
    .filter(({ state }) => state === 'running')
    .map(({ options }) => options);
}

/** Makes, shows and ends replays. */
export class Replays {
  readonly #input: ReplaysInput;
  #kept: KeptReplay[];
  #changing: Promise<unknown> = Promise.resolve();
  #cancelLook: () => void = () => undefined;
  #closed = false;

  constructor(input: ReplaysInput) {
    this.#input = input;
    this.#kept = readKept(input.disk, input.dataFolder);
    this.#lookLater();
  }

  /** The replays that run, as the deliveries' thread takes them. */
  running(): ReplayOptions[] {
    return this.#kept.filter(({ state }) => state === 'running').map(({ options }) => options);
  }

  /** All that are known, the newest first. */
  async list(): Promise<ReplayShown[]> {
    const progress = new Map((await this.#input.progress()).map((one) => [one.id, one]));
    return this.#kept.map((kept) => this.#shown(kept, progress.get(kept.options.id))).toReversed();
  }

  /** Makes a replay and starts it. Throws DELIVERY_UNKNOWN, BODY_MALFORMED or RATE_LIMITED. */
  make(request: ReplayRequest): Promise<ReplayShown> {
    return this.#change(async () => {
      const { log, deliveries, hasLake, streamOf, clock } = this.#input;
      if (this.running().length >= RUNNING_MAX)
        throw new MillraceError('RATE_LIMITED', `${RUNNING_MAX} replays run already; wait for one, or cancel it`);
      const delivery = deliveries().find(({ name }) => name === request.delivery);
      if (delivery === undefined)
        throw new MillraceError('DELIVERY_UNKNOWN', `there is no delivery '${request.delivery}'`, {
          place: 'delivery',
        });
      const { from: stream } = delivery;
      const definition = log.stream(stream)!;
      if (request.tenant !== null && definition.schema.roles.tenant < 0)
        throw new MillraceError('BODY_MALFORMED', `stream '${stream}' has no tenants`, { place: 'tenant' });
      const { from, until, starts } = this.#part(stream, definition.partitions, request);
      const id = this.#newId();
      const lakeBelow = hasLake(stream) && starts.some((start) => start > 0) ? starts : null;
      if (lakeBelow !== null) await log.createStream(streamOf(replayStream(id), replaySchema(definition.schema)));
      const options: ReplayOptions = { id, stream, ...request, createdMs: clock.now(), from, until, lakeBelow };
      await this.#keep([
        ...this.#kept,
        { options, state: 'running', endedMs: null, rows: 0, delivered: 0, quarantined: 0 },
      ]);
      await this.#input.apply(this.running());
      return this.#shown(this.#kept.at(-1)!, undefined);
    });
  }

  /** Ends a replay; what is delivered stays. Throws NOT_FOUND. */
  cancel(id: string): Promise<ReplayShown> {
    return this.#change(async () => {
      const kept = this.#kept.find(({ options }) => options.id === id);
      if (kept?.state !== 'running')
        throw new MillraceError('NOT_FOUND', `no replay '${id}' is running`, { place: 'replay' });
      const progress = (await this.#input.progress()).find((one) => one.id === id);
      await this.#end(kept, 'cancelled', progress);
      return this.#shown(
        this.#kept.find(({ options }) => options.id === id)!,
        undefined,
      );
    });
  }

  /** Stops looking. */
  close(): void {
    this.#closed = true;
    this.#cancelLook();
  }

  /** Where the part begins and ends in each partition. */
  #part(stream: string, partitions: number, { fromMs, toMs }: ReplayRequest) {
    const { log } = this.#input;
    const from: Position[] = [];
    const until: Position[] = [];
    const starts: number[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      const first = offsetAtTime(log, stream, partition, fromMs);
      from.push({ stream, partition, offset: first });
      until.push({ stream, partition, offset: Math.max(first, offsetAtTime(log, stream, partition, toMs)) });
      starts.push(log.range(stream, partition).start);
    }
    return { from, until, starts };
  }

  #newId(): string {
    const day = new Date(this.#input.clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    return `${day}_${Buffer.from(this.#input.random.fill(new Uint8Array(4))).toString('hex')}`;
  }

  #lookLater(): void {
    this.#cancelLook = this.#input.clock.after(LOOK_MS, () => {
      if (this.#closed) return;
      void this.#change(() => this.#look())
        .catch((error: unknown) => this.#input.onError(error))
        .then(() => this.#lookLater());
    });
  }

  /** Ends the replays that are done. */
  async #look(): Promise<void> {
    if (this.running().length === 0) return;
    for (const progress of await this.#input.progress()) {
      const kept = this.#kept.find(({ options, state }) => options.id === progress.id && state === 'running');
      if (progress.done && kept !== undefined) await this.#end(kept, 'done', progress);
    }
  }

  async #end(kept: KeptReplay, state: 'done' | 'cancelled', progress: ReplayProgress | undefined): Promise<void> {
    const { id } = kept.options;
    const { log, clock, apply } = this.#input;
    const { ok = 0, quarantined = 0 } = progress?.status.totals ?? {};
    const ended: KeptReplay = {
      ...kept,
      state,
      endedMs: clock.now(),
      rows: progress?.rowsDone ?? 0,
      delivered: ok,
      quarantined,
    };
    await this.#keep(this.#kept.map((one) => (one === kept ? ended : one)));
    await apply(this.running());
    // Retention may take what they held.
    for (const reader of [replayStream(id), feedReader(id)]) await log.removeReader(reader);
  }

  async #keep(kept: readonly KeptReplay[]): Promise<void> {
    const ended = kept.filter(({ state }) => state !== 'running').slice(-KEPT);
    const next = kept.filter((one) => one.state === 'running' || ended.includes(one));
    await writeJsonFile(this.#input.disk, fileOf(this.#input.dataFolder), { version: 1, replays: next });
    this.#kept = next;
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    // The caller gets the rejection; the queue goes on.
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  #shown(
    { options, state, endedMs, rows, delivered, quarantined }: KeptReplay,
    now: ReplayProgress | undefined,
  ): ReplayShown {
    const { id, stream, delivery, tenant, fromMs, toMs, rowsPerSecond, createdMs } = options;
    const rowsDone = now?.rowsDone ?? rows;
    const rowsTotal = now?.rowsTotal ?? rows;
    const elapsedMs = this.#input.clock.now() - createdMs;
    const isRunning = state === 'running';
    return {
      id,
      stream,
      delivery,
      tenant,
      fromMs,
      toMs,
      rowsPerSecond,
      state,
      createdMs,
      endedMs,
      rowsDone,
      rowsTotal,
      feeding: now?.feeding ?? false,
      delivered: now?.status.totals.ok ?? delivered,
      quarantined: now?.status.totals.quarantined ?? quarantined,
      etaMs: isRunning && rowsDone > 0 ? Math.round((elapsedMs / rowsDone) * Math.max(0, rowsTotal - rowsDone)) : null,
      reason: isRunning ? (now?.reason ?? now?.status.errors.at(-1)?.message ?? null) : null,
    };
  }
}

function fileOf(dataFolder: string): string {
  return join(dataFolder, 'replays.json');
}

function readKept(disk: Disk, dataFolder: string): KeptReplay[] {
  const file = readJsonFile(disk, fileOf(dataFolder)) as { readonly replays: KeptReplay[] } | undefined;
  return file?.replays ?? [];
}
