/** One life of a power-loss round: clients, a reader that commits, and time, until the power goes. */
import type { ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, valueOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { AppendResult, LogCursor, Position, StreamDefinition } from '../../src/log/log.js';
import type { SimClock } from './clock.js';
import type { SimDisk } from './disk.js';
import { startLake } from './power-loss-lake.js';
import type { SeededRandom } from './random.js';

/** The clients' stream, a second one written in the same appends, and the reader's outputs. */
export const INPUT = 'input';
export const PAIR = 'pair';
export const OUTPUT = 'output';
/** Outputs of one reader commit. */
export const ENTRIES = 3;

/** Everything that the log has promised so far, over all lives. */
export interface Promised {
  /** Acknowledged rows: id → stream/partition/offset. */
  readonly acknowledged: Map<string, string>;
  /** Every id that was ever handed to the log. */
  readonly sent: Map<string, true>;
  /** Rows that a cursor gave out: id → place. */
  readonly seen: Map<string, string>;
  /** Last acknowledged reader commit. */
  readerCommits: number;
  /** Rows appended together: one is there if and only if the other is. */
  readonly pairs: Map<string, string>;
  nextId: number;
}

const SCHEMA = defineSchema({ columns: { id: 'string', tenant: 'dictionary', note: 'dictionary' }, tenant: 'tenant' });

/** Writes and reads until a random step. The caller cuts the power. */
export async function writeLife(
  log: EmbeddedLog,
  disk: SimDisk,
  clock: SimClock,
  random: SeededRandom,
  promised: Promised,
): Promise<void> {
  const life = new Life(log, clock, random, promised);
  const steps = 20 + random.below(200);
  if (log.stream(INPUT) === undefined || log.stream(PAIR) === undefined || log.stream(OUTPUT) === undefined) {
    const creating = [life.create(INPUT, 3), life.create(PAIR, 1), life.create(OUTPUT, 1)];
    // A disk that fails may refuse them; the next life makes what is missing.
    const created = Promise.allSettled(creating).then((all) => all.every(({ status }) => status === 'fulfilled'));
    if (random.chance(0.05) || !(await created)) return;
  }
  void life.read();
  startLake(log, disk, clock, INPUT);
  for (let step = 0; step < steps; step++) {
    life.act();
    if (random.chance(0.5)) await turn();
    if (random.chance(0.3)) clock.advance(random.below(40));
  }
  life.over = true;
}

class Life {
  over = false;
  readonly #log: EmbeddedLog;
  readonly #clock: SimClock;
  readonly #random: SeededRandom;
  readonly #promised: Promised;
  #committing = false;
  #commit: number;
  readonly #cursors = new Map<string, LogCursor>();

  constructor(log: EmbeddedLog, clock: SimClock, random: SeededRandom, promised: Promised) {
    this.#log = log;
    this.#clock = clock;
    this.#random = random;
    this.#promised = promised;
    const state = log.reader('stage')?.state;
    this.#commit = state === undefined ? 0 : new DataView(state.buffer, state.byteOffset).getUint32(0, true);
  }

  create(name: string, partitions: number): Promise<StreamDefinition> {
    return this.#log.createStream({
      name,
      schema: SCHEMA,
      partitions,
      clock: 'arrival',
      retentionMs: 1e12,
      bytesMax: 1e12,
      policy: 'refuse',
    });
  }

  act(): void {
    const random = this.#random;
    if (random.chance(0.5)) this.#append(1 + random.below(random.chance(0.05) ? 200 : 8));
    else if (random.chance(0.4)) this.#appendPair();
    if (!this.#committing && random.chance(0.3)) void this.#commitReader();
    if (random.chance(0.02)) this.#clock.setNow(this.#clock.now() - random.below(5_000));
  }

  /** A tail reader: what it saw must still be there after the crash. */
  async read(): Promise<void> {
    while (!this.over) {
      for (let partition = 0; partition < 3; partition++) this.#tail(INPUT, partition);
      await turn();
    }
  }

  #tail(stream: string, partition: number): void {
    const name = `${stream}/${partition}`;
    let cursor = this.#cursors.get(name);
    if (cursor === undefined)
      this.#cursors.set(name, (cursor = this.#log.cursor(stream, partition, this.#log.range(stream, partition).end)));
    const batch = cursor.next();
    for (let row = 0; row < (batch?.rows ?? 0); row++)
      this.#promised.seen.set(idOf(batch!.batch, row), `${name}/${batch!.baseOffset + row}`);
  }

  #append(count: number): void {
    const ids = Array.from({ length: count }, () => this.#id('in'));
    this.#send([{ stream: INPUT, ids }]);
  }

  #appendPair(): void {
    const left = this.#id('left');
    const right = this.#id('right');
    this.#promised.pairs.set(left, right);
    this.#send([
      { stream: INPUT, ids: [left] },
      { stream: PAIR, ids: [right] },
    ]);
  }

  #send(parts: readonly { stream: string; ids: string[] }[]): void {
    const batches = parts.map(({ stream, ids }) => ({ stream, rows: this.#rows(ids) }));
    this.#log.append({ batches }).then(
      (result) =>
        this.#acknowledge(
          parts,
          batches.map((batch) => batch.rows),
          result,
        ),
      () => undefined,
    );
  }

  /** Places are found by tenant order: the log splits rows over partitions and keeps their order. */
  #acknowledge(
    parts: readonly { stream: string; ids: string[] }[],
    rows: readonly ColumnBatch[],
    result: AppendResult,
  ): void {
    if (this.over) return;
    let next = 0;
    parts.forEach(({ stream, ids }, part) => {
      if (this.#log.stream(stream)!.partitions === 1) {
        const at = result.appended[next++]!;
        ids.forEach((id, i) => this.#promised.acknowledged.set(id, `${stream}/0/${at.baseOffset + i}`));
        return;
      }
      const groups = byPartition(rows[part]!, ids, this.#log.stream(stream)!.partitions);
      for (const group of groups) {
        const at = result.appended[next++]!;
        if (at.partition !== group.partition || at.rows !== group.ids.length)
          throw new Error('the answer does not match the rows');
        group.ids.forEach((id, i) =>
          this.#promised.acknowledged.set(id, `${stream}/${at.partition}/${at.baseOffset + i}`),
        );
      }
    });
  }

  async #commitReader(): Promise<void> {
    this.#committing = true;
    const k = this.#commit + 1;
    const ids = Array.from({ length: ENTRIES }, (_, i) => `out-${k}-${i}`);
    for (const id of ids) this.#promised.sent.set(id, true);
    const state = new Uint8Array(4);
    new DataView(state.buffer).setUint32(0, k, true);
    const positions: Position[] = [0, 1, 2].map((partition) => ({
      stream: INPUT,
      partition,
      offset: this.#log.range(INPUT, partition).end,
    }));
    try {
      await this.#log.append({
        batches: [{ stream: OUTPUT, rows: this.#rows(ids) }],
        reader: { id: 'stage', epoch: 1, positions, state },
      });
      if (this.over) return;
      this.#commit = k;
      this.#promised.readerCommits = k;
    } catch {
      // Refused: the same commit is tried again.
    }
    this.#committing = false;
  }

  #rows(ids: readonly string[]): ColumnBatch {
    return batchFromRows(
      SCHEMA,
      ids.map((id) => ({
        id,
        tenant: `t${this.#random.below(9)}`,
        note: `note ${this.#random.below(40)}`,
        received_at: 0,
      })),
    );
  }

  #id(kind: string): string {
    const id = `${kind}-${this.#promised.nextId++}`;
    this.#promised.sent.set(id, true);
    return id;
  }
}

/** The id of a row. */
export function idOf(batch: ColumnBatch, row: number): string {
  return valueOf(batch.column(0), 'string', row) as string;
}

function byPartition(
  batch: ColumnBatch,
  ids: readonly string[],
  partitions: number,
): { partition: number; ids: string[] }[] {
  const groups = new Map<number, string[]>();
  ids.forEach((id, row) => {
    const partition = partitionOfTenant(valueOf(batch.column(1), 'dictionary', row) as string, partitions);
    groups.set(partition, [...(groups.get(partition) ?? []), id]);
  });
  return Array.from(groups, ([partition, found]) => ({ partition, ids: found })).sort(
    (a, b) => a.partition - b.partition,
  );
}

/** As documented in FORMAT.md, written again so that a change of it is noticed. */
function partitionOfTenant(tenant: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(tenant)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
