/**
 * The transforms that run in one thread: one reader loop each.
 *
 * The list may change while they run (`apply`): what is new starts, what has changed starts anew
 * from what it has committed, what is no longer there stops; it keeps its positions in the log until
 * it is forgotten (`removeReader`), which is for whoever owns the definitions. A transform starts
 * only when its source is there, so the order of the list does not matter.
 */
import type { TransformOptions } from '../config/transform-options.js';
import { Quarantine } from '../event/quarantine.js';
import type { Clock } from '../io/clock.js';
import type { StreamDefinition } from '../log/log.js';
import { startReaderLoop, type ReaderLoop } from '../log/reader-loop.js';
import type { RemoteLog } from '../log/remote.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import { MillraceError } from '../util/errors.js';
import { derivedStream, ownDefinition, ownStreams, planTransform } from './plan.js';
import { TransformStage, type TransformStats } from './stage.js';

/** What transforms run with. */
export interface TransformsInput {
  readonly log: RemoteLog;
  readonly clock: Clock;
  /** Room in the quarantine, as at the front door. */
  readonly quarantine: { readonly tenantBytesMax: number; readonly eventBytesMax: number };
  readonly onStatus: (status: ReaderLoopStatus) => void;
  readonly say: (transform: string, level: 'info' | 'warn' | 'error', message: string) => void;
}

/** What one transform does. */
export interface TransformStatus {
  readonly stats: TransformStats;
  readonly reader: ReaderLoopStatus;
}

interface Running {
  /** The options as text: another text is another definition. */
  readonly definition: string;
  readonly stage: TransformStage;
  readonly loop: ReaderLoop;
}

/** Commits every so often: a commit carries counts a tenant, which many events share. */
const LOOP = { flushEveryMs: 100, flushRows: 100_000 };

/** The transforms of a thread. */
export class Transforms {
  readonly #input: TransformsInput;
  readonly #quarantine: Quarantine;
  readonly #running = new Map<string, Running>();
  #applying: Promise<void> = Promise.resolve();

  constructor(input: TransformsInput) {
    this.#input = input;
    this.#quarantine = new Quarantine({ clock: input.clock, ...input.quarantine });
  }

  /** Makes `transforms` the ones that run. Rejects with CONFIG_INVALID and SQL_*; the others run all the same. */
  apply(transforms: readonly TransformOptions[]): Promise<void> {
    const turn = this.#applying.then(() => this.#apply(transforms));
    // The caller has the rejection.
    this.#applying = turn.catch(() => undefined);
    return turn;
  }

  async #apply(transforms: readonly TransformOptions[]): Promise<void> {
    const { log } = this.#input;
    for (const [name, { definition, loop }] of this.#running) {
      const now = transforms.find((one) => one.name === name);
      if (now !== undefined && JSON.stringify(now) === definition) continue;
      await loop.stop();
      this.#running.delete(name);
    }
    const errors: Error[] = [];
    let left = transforms.filter(({ name }) => !this.#running.has(name));
    for (let ready = left; ready.length > 0;) {
      ready = left.filter(({ from }) => log.stream(from) !== undefined);
      left = left.filter((one) => !ready.includes(one));
      for (const options of ready)
        try {
          await this.#start(options);
        } catch (error) {
          errors.push(error as Error);
        }
    }
    for (const { name, from } of left)
      errors.push(new MillraceError('STREAM_UNKNOWN', `transforms.${name}.from: there is no stream '${from}'`));
    if (errors.length > 0) throw errors[0]!;
  }

  async #start(options: TransformOptions): Promise<void> {
    const { log, clock, onStatus, say } = this.#input;
    const source = log.stream(options.from)!;
    const plan = await planTransform(options, source.schema);
    const { lake: _lake, ...stream } = derivedStream(plan, source.partitions);
    await log.createStream(stream satisfies StreamDefinition);
    for (const own of ownStreams(plan)) await log.createStream(ownDefinition(own));
    const stage = new TransformStage({
      plan,
      log,
      quarantine: this.#quarantine,
      services: { log, clock, say: (level, message) => say(options.name, level, message) },
    });
    const loop = startReaderLoop({ log, stage, clock, options: LOOP, onStatus });
    this.#running.set(options.name, { definition: JSON.stringify(options), stage, loop });
  }

  /** What every transform does. */
  status(): TransformStatus[] {
    return Array.from(this.#running.values(), ({ stage, loop }) => ({ stats: stage.stats(), reader: loop.status() }));
  }

  /** Resolves when everything durable now has come through every transform, also through those behind others. */
  async drained(): Promise<void> {
    const inOrder = [...this.#running.values()].toSorted((a, b) => depth(this.#running, a) - depth(this.#running, b));
    for (const { loop } of inOrder) await loop.drained();
  }

  /** Commits what is done and ends. */
  async stop(): Promise<void> {
    await this.#applying;
    await Promise.all(Array.from(this.#running.values(), ({ loop }) => loop.stop()));
  }
}

/** How many transforms are before one. */
function depth(all: ReadonlyMap<string, Running>, one: Running): number {
  const { from } = one.stage.stats();
  const before = [...all.values()].find(({ stage }) => stage.stats().to === from);
  return before === undefined ? 0 : 1 + depth(all, before);
}
