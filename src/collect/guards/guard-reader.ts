/**
 * Follows the changes of one guard's view, so that its keys are in memory.
 *
 * Recovery. A snapshot of the keys is written now and then, a few at a time, with the positions that it holds
 * at least; changes from there on are taken again, which ends in the same keys (`guard-keys.ts`). Without one,
 * or when it is of another definition of the view, all changes that the log has are read. Retention spares what
 * comes behind the snapshot.
 *
 *   {"view":…,"epoch":…,"positions":[…]}       one line
 *   [key, until, [row, …], hash]               one line a key
 */
import { dirname } from 'node:path';
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import type { LogBatch, Position } from '../../log/log.js';
import type { OwnStage } from '../../log/stage.js';
import { numberAt } from '../../event/integers.js';
import type { IntegerColumn } from '../../event/columns.js';
import type { GuardDefinition } from './guard.js';
import type { GuardKeys, RowChange, SavedKey } from './guard-keys.js';
import { hashReader, keyReader, textReader } from './key-reader.js';

/** Positions of columns that every changes stream begins with; see `event/view.ts`. */
const [TENANT, WINDOW_END, OPERATION, STATE] = [0, 2, 3, 4];

/** Least time between two snapshots, ms. */
const SNAPSHOT_EVERY_MS = 60_000;
/** Keys of a snapshot that are written before the thread does other work. */
const SLICE_KEYS = 500;

/** What a reader is made of. */
export interface GuardReaderInput {
  readonly guard: GuardDefinition;
  readonly keys: GuardKeys;
  /** Where the snapshot is. */
  readonly file: string;
  readonly disk: Disk;
  readonly clock: Clock;
}

/** The reader id of a guard. */
export function guardReader({ view, epoch }: Pick<GuardDefinition, 'view' | 'epoch'>): string {
  return `guard.${view}.${epoch}`;
}

/** One guard's reader. */
export class GuardReader implements OwnStage {
  readonly store = 'own';
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #input: GuardReaderInput;
  #saved: readonly Position[] | null = null;
  #saving: Promise<void> | null = null;
  #failure: unknown = null;
  #savedAt: number;
  #changed = false;

  constructor(input: GuardReaderInput) {
    this.#input = input;
    this.id = guardReader(input.guard);
    this.inputs = [input.guard.stream];
    this.#savedAt = input.clock.monotonic();
  }

  async restore(): Promise<readonly Position[]> {
    await this.#saving;
    this.#input.keys.clear();
    return this.#read();
  }

  process(batch: LogBatch): void {
    const { guard, keys, clock } = this.#input;
    if (batch.rows === 0) return;
    const changes = rowChanges(guard, batch);
    const now = clock.now();
    for (let row = 0; row < batch.rows; row++) {
      const change = changes(row);
      if (change !== null) keys.apply(change, now);
    }
    this.#changed = true;
  }

  flush(positions: readonly Position[]): readonly Position[] | null {
    const { keys, clock } = this.#input;
    if (this.#failure !== null) {
      const failure = this.#failure;
      this.#failure = null;
      throw failure as Error;
    }
    keys.sweep(clock.now());
    const saved = this.#saved;
    this.#saved = null;
    const isDue = this.#changed && clock.monotonic() - this.#savedAt >= SNAPSHOT_EVERY_MS;
    if (isDue && this.#saving === null) this.#save(positions);
    return saved;
  }

  async close(): Promise<void> {
    await this.#saving;
  }

  #save(positions: readonly Position[]): void {
    this.#changed = false;
    this.#savedAt = this.#input.clock.monotonic();
    const taken = [...positions];
    this.#saving = this.#write(taken)
      .then(
        () => void (this.#saved = taken),
        (error: unknown) => void (this.#failure = error),
      )
      .finally(() => (this.#saving = null));
  }

  async #write(positions: readonly Position[]): Promise<void> {
    const { guard, keys, file, disk } = this.#input;
    const beside = `${file}.new`;
    if (disk.exists(beside)) disk.remove(beside);
    const out = disk.open(beside, 'exclusive');
    try {
      let at = 0;
      let lines = [JSON.stringify({ view: guard.view, epoch: guard.epoch, positions })];
      const put = async (): Promise<void> => {
        const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
        lines = [];
        await out.write(bytes, at);
        at += bytes.length;
      };
      for (const key of keys.saved()) {
        if (lines.push(JSON.stringify(key)) < SLICE_KEYS) continue;
        await put();
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      if (lines.length > 0) await put();
      await out.sync();
    } finally {
      out.close();
    }
    disk.rename(beside, file);
    await disk.syncDirectoryLater(dirname(file));
  }

  /** Takes the snapshot up; answers its positions, or none. */
  #read(): readonly Position[] {
    const { guard, keys, file, disk } = this.#input;
    if (!disk.exists(file)) return [];
    const open = disk.open(file, 'read');
    const bytes = new Uint8Array(open.size());
    try {
      open.readSync(bytes, 0, bytes.length, 0);
    } finally {
      open.close();
    }
    const [head, ...lines] = new TextDecoder().decode(bytes).trimEnd().split('\n');
    try {
      const { epoch, positions } = JSON.parse(head!) as { readonly epoch: string; readonly positions: Position[] };
      if (epoch !== guard.epoch) return [];
      for (const line of lines) keys.restore(JSON.parse(line) as SavedKey);
      return positions;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // It only saves reading: the log has the changes too.
      keys.clear();
      return [];
    }
  }
}

/** The changes of a batch; null for a row without a key. */
function rowChanges(guard: GuardDefinition, { batch, receivedAt }: LogBatch): (row: number) => RowChange | null {
  const { keyAt, rowAt, tenantScoped, closesAfterMs } = guard;
  const keyOf = keyReader(batch, { tenant: tenantScoped ? TENANT : -1, columns: keyAt });
  const hashOf = hashReader(batch, keyAt[0]!);
  const operationOf = textReader(batch, OPERATION);
  const stateOf = textReader(batch, STATE);
  const rowOf = rowAt.map((column) => textReader(batch, column));
  const ends = batch.column(WINDOW_END) as IntegerColumn;
  return (row) => {
    const key = keyOf(row);
    if (key === null) return null;
    const isGone = operationOf(row) === 'delete';
    return {
      key,
      hash: hashOf(row),
      row: JSON.stringify(rowOf.map((read) => read(row))),
      state: isGone ? 'gone' : stateOf(row) === 'open' ? 'open' : 'closed',
      // Of a replay of old events, or a correction: no later than when it was final.
      appearedMs: closesAfterMs === null ? receivedAt : Math.min(receivedAt, numberAt(ends, row) + closesAfterMs),
    };
  };
}
