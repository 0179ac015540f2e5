/**
 * The host of one function: gives batches to its process, one at a time, and watches over it.
 *
 * A function is the user's: it may throw (its process catches that), run for ever, use up all memory,
 * or end its process. The process tells where it is; when it has told nothing for the time limit it
 * is ended. Then the batch runs again in a new process, one event at a time, each told before it
 * begins. When that ends as well, the event that was under way is at fault: it fails, and the batch
 * runs again without it. For a batch function, the range of rows that was under way is halved
 * instead, down to the event at fault.
 *
 * So what a function does to the world outside may happen twice; what comes out of it counts once.
 *
 * A process, not a thread: a thread that needs too much memory can take the whole of Millrace with it
 * (docs/decisions/0010-functions-in-processes.md).
 *
 * Limits: one batch in the process; others wait, and whoever sends them asks `heldBytes` first.
 */
import { sliceRows, type RowSlice } from '../../event/batch.js';
import { startChild, type Child, type ChildDeath } from '../../io/child.js';
import type { Clock } from '../../io/clock.js';
import { createRpc, type Rpc } from '../../io/rpc.js';
import { MillraceError, type ErrorCode } from '../../util/errors.js';
import { ColumnsSender } from './columns-channel.js';
import type {
  FunctionAnswer,
  FunctionData,
  FunctionHostMethods,
  FunctionMethods,
  FunctionReply,
  FunctionRequest,
  RowFailure,
} from './protocol.js';

/** What a host is made of. */
export interface FunctionHostInput {
  readonly data: FunctionData;
  readonly memoryBytesMax: number;
  readonly clock: Clock;
  readonly say: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** A batch to run. */
export interface FunctionBatch extends Pick<FunctionRequest, 'stream' | 'partition' | 'receivedAt' | 'offsets'> {
  readonly slice: RowSlice;
}

/** How long a module may take to load. */
const LOAD_MS = 30_000;
/** How often a process may end without an event to blame before the transform stalls. */
const BLAMELESS_MAX = 3;
/** Lines of a function's own output that are passed on a second. */
const LINES_PER_SECOND = 20;
/** Bytes of a row until the first batch tells. */
const ROW_BYTES = 400;
const MEBIBYTE = 1024 ** 2;

interface Life {
  readonly child: Child;
  readonly sender: ColumnsSender;
  readonly rpc: Rpc<FunctionMethods>;
  /** Rejects when the process ends. */
  readonly death: Promise<never>;
  /** One past the row that is under way, and the end of its range; 0: none. */
  row: number;
  end: number;
  movedAt: number;
}

/** Why a process ended. */
class Death extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Runs one function. */
export class FunctionHost {
  readonly #input: FunctionHostInput;
  #life: Promise<Life> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;
  #closed = false;
  #starts = 0;
  /** Of a row of the last batch. */
  #rowBytes = ROW_BYTES;

  constructor(input: FunctionHostInput) {
    this.#input = input;
  }

  /** About how many bytes the batches have that wait or run. */
  get heldBytes(): number {
    return this.#held;
  }

  /** How often the process was started anew. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  /** Runs a batch, after those before it. Rejects with CONFIG_INVALID when the module can't be loaded. */
  run(batch: FunctionBatch): Promise<FunctionAnswer> {
    const bytes = sliceRows(batch.slice) * this.#rowBytes;
    this.#held += bytes;
    const before = this.#last;
    const turn = (async () => {
      // The one before has told its own failure to its own caller.
      await before.catch(() => undefined);
      try {
        return await this.#run(batch);
      } finally {
        this.#held -= bytes;
      }
    })();
    this.#last = turn;
    return turn;
  }

  /** Invokes a Lambda handler. Rejects with TRANSFORM_TIMEOUT, TRANSFORM_MEMORY or TRANSFORM_FAILED. */
  async invoke(event: string): Promise<string> {
    const { timeoutMs } = this.#input.data;
    const life = await this.#alive();
    let cancel: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#input.clock.after(timeoutMs, () => {
        const error = new MillraceError('TRANSFORM_TIMEOUT', `the handler took longer than ${timeoutMs} ms`);
        void this.#end(life).then(() => reject(error));
      });
    });
    try {
      return await ended(Promise.race([life.rpc.call('invoke', event), life.death, late]), [life.death, late]);
    } catch (error) {
      if (error instanceof Death) throw new MillraceError(error.code, error.message);
      throw error;
    } finally {
      cancel();
    }
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.#closed = true;
    const life = this.#life;
    this.#life = null;
    // A module that can't be loaded has told so already.
    const alive = await life?.catch(() => null);
    await alive?.child.kill();
  }

  async #run(batch: FunctionBatch): Promise<FunctionAnswer> {
    const isBatch = this.#input.data.kind === 'batch';
    const blamed = new Map<number, RowFailure>();
    const { slice, ...rest } = batch;
    const rows = sliceRows(slice);
    let careful = false;
    let ranges = [0, rows];
    for (let blameless = 0; ;) {
      const life = await this.#alive();
      try {
        const { bytes, fresh } = life.sender.encode(slice, batch.receivedAt);
        this.#rowBytes = bytes.length / rows;
        life.child.mailbox.put(bytes);
        const request = { ...rest, length: bytes.length, fresh, careful, ranges, skip: [...blamed.keys()] };
        const { length, ...counts } = await this.#watched(life, request);
        const answered = length === 0 ? null : life.child.mailbox.take(length);
        return { ...counts, bytes: answered, failures: [...counts.failures, ...blamed.values()] };
      } catch (error) {
        if (!(error instanceof Death) || this.#closed) throw error;
        this.#input.say('warn', `${error.message}; its process is started anew`);
        const { row: place, end } = life;
        const row = place - 1;
        if (row < 0 && ++blameless >= BLAMELESS_MAX) throw new MillraceError(error.code, error.message);
        const isCertain = careful || (isBatch && error.code === 'TRANSFORM_TIMEOUT');
        if (!isCertain || row < 0) careful = true;
        else if (isBatch && end - row > 1) ranges = halved(ranges, row, end);
        else blamed.set(row, { row, code: error.code, message: error.message, path: null });
      }
    }
  }

  /** One run in the process, which is ended when it tells nothing for the time limit. */
  async #watched(life: Life, request: FunctionRequest): Promise<FunctionReply> {
    const { clock, data } = this.#input;
    const { timeoutMs } = data;
    const everyMs = Math.min(250, Math.max(5, timeoutMs / 8));
    life.movedAt = clock.monotonic();
    let cancel: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      const look = (): void => {
        if (clock.monotonic() - life.movedAt < timeoutMs) {
          cancel = clock.after(everyMs, look);
          return;
        }
        const what = data.kind === 'batch' ? 'a batch' : 'an event';
        const death = new Death('TRANSFORM_TIMEOUT', `the function took longer than ${timeoutMs} ms for ${what}`);
        // Only when it has really ended is nothing of it under way any more.
        void this.#end(life).then(() => reject(death));
      };
      cancel = clock.after(everyMs, look);
    });
    // The race may be over before.
    late.catch(() => undefined);
    try {
      const { death, rpc } = life;
      return await ended(Promise.race([rpc.call('run', request), death, late]), [death, late]);
    } finally {
      cancel();
    }
  }

  #alive(): Promise<Life> {
    if (this.#closed) throw new MillraceError('SHUTTING_DOWN', 'the transform has stopped');
    this.#life ??= this.#start();
    return this.#life;
  }

  async #end(life: Life): Promise<void> {
    this.#life = null;
    await life.child.kill();
  }

  async #start(): Promise<Life> {
    const { data, memoryBytesMax, clock } = this.#input;
    let die: (death: Death) => void = () => undefined;
    const death = new Promise<never>((_, reject) => (die = reject));
    // Whoever waits gets the rejection; without a waiter it is no error.
    death.catch(() => undefined);
    this.#starts += 1;
    const child = startChild({
      module: 'transform/function-process.js',
      heapMegabytes: Math.ceil(memoryBytesMax / MEBIBYTE),
      onProgress: (row, end) => Object.assign(life, { row, end, movedAt: clock.monotonic() }),
      onLine: this.#lines(),
      onDeath: (how) => {
        this.#life = null;
        die(deathOf(how, memoryBytesMax));
      },
    });
    const rpc = createRpc<FunctionMethods>(child.port, {
      said: (message) => this.#input.say('info', message),
    } satisfies FunctionHostMethods);
    const life: Life = { child, sender: new ColumnsSender(data.input), rpc, death, row: 0, end: 0, movedAt: 0 };
    let cancel: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(LOAD_MS, () => reject(new Error(`was not loaded within ${LOAD_MS} ms`)));
    });
    try {
      await ended(Promise.race([rpc.call('load', data), death, late]), [death, late]);
      return life;
    } catch (error) {
      await this.#end(life);
      if (error instanceof MillraceError && error.code === 'CONFIG_INVALID') throw error;
      throw new MillraceError('CONFIG_INVALID', `${data.file}: ${(error as Error).message}`, { place: data.file });
    } finally {
      cancel();
    }
  }

  /** Passes on what the function prints, a few lines a second. */
  #lines(): (line: string) => void {
    const { clock, say } = this.#input;
    let second = -1;
    let count = 0;
    return (line) => {
      const now = Math.floor(clock.monotonic() / 1_000);
      if (now !== second) count = 0;
      second = now;
      count += 1;
      if (count <= LINES_PER_SECOND) say('info', line.slice(0, 2_000));
      else if (count === LINES_PER_SECOND + 1) say('warn', 'the function prints more than is passed on');
    };
  }
}

/** A call ends with the channel; why the process has ended is known a moment later, and is what counts. */
async function ended<T>(call: Promise<T>, causes: readonly Promise<never>[]): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'SHUTTING_DOWN') return await Promise.race(causes);
    throw error;
  }
}

function deathOf({ code, signal, outOfMemory }: ChildDeath, memoryBytesMax: number): Death {
  if (outOfMemory)
    return new Death('TRANSFORM_MEMORY', `the function needed more than ${Math.ceil(memoryBytesMax / MEBIBYTE)} MiB`);
  return new Death('TRANSFORM_FAILED', `the function ended its process (${signal ?? `code ${code}`})`);
}

/** Ranges in which the one from `row` to `end` is two. */
function halved(ranges: readonly number[], row: number, end: number): number[] {
  const halves: number[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    const [from, to] = [ranges[i]!, ranges[i + 1]!];
    if (from > row || to < end) halves.push(from, to);
    else {
      // A thrown error may have halved the range in the process already.
      const parts = [from, row, (row + end) >> 1, end, to];
      for (let k = 1; k < parts.length; k++) if (parts[k]! > parts[k - 1]!) halves.push(parts[k - 1]!, parts[k]!);
    }
  }
  return halves;
}
