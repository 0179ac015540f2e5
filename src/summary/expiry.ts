/**
 * What leaves a view's rows by age: windows beyond the retention, and tombstones after 35 days.
 *
 * Purpose. Rows leave without anybody being told: there is no tombstone for them. Who reads changes learns
 * from `expiredId` whether a row that it had not seen is gone.
 *
 * How. Every hour `begin` makes the next cut (`retention.ts`) durable; from then on readers see no window
 * before it, all tenants at once. Afterwards `sweep` takes the rows out of the blocks, some at a time,
 * and notes with them, in the same transaction, the newest id of the tenant that is gone. A row that is out of sight and not
 * swept yet counts as gone too, so the answer is the same before, between and after.
 *
 * At the door. A row of a window that a cut had ended before the row came is turned away: it was never to
 * be seen, and nobody has missed it. A cut says how far the rows had come when it was made, and cuts are
 * kept as long as a replay may meet rows from before them, so a replay decides as the first time.
 *
 * Tombstones. A row's age is that of the first hourly mark (`times`) that found it taken in, so it is kept
 * up to an hour longer than it must.
 *
 * Limits. A sweep keeps the thread for `SLICE_MS` and ends after `STEP_MS`, to be called again. One mark an
 * hour for 35 days; one number for each tenant with a retention of its own.
 *
 * Recovery. What a crash leaves unswept is swept by the first pass after it.
 */
import type { RowRef } from './block-codec.js';
import type { BlockStore } from './block-store.js';
import { keptByAll, keptFrom, nextCut, sameCut, type Cut, type Retention } from './retention.js';
import { idOf } from './row-id.js';
import { DELETED, type RowSet } from './row-set.js';

/** How long tombstones are kept, ms. */
export const TOMBSTONE_MS = 35 * 86_400_000;

const HOUR_MS = 3_600_000;
const SLICE_MS = 4;
const STEP_MS = 250;
/** Blocks, or tombstones, that are read before what they lead to is written. */
const CHUNK = 32;

/** How far the rows had been taken in at a time. */
interface TimeMark {
  readonly at: number;
  readonly positions: readonly number[];
}

const encoder = new TextEncoder();

/** What leaves the rows of one view. */
export class Expiry {
  readonly #blocks: BlockStore;
  readonly #partitions: number;
  /** Oldest first; the last is in force for rows that come. */
  #cuts: readonly Cut[];
  /** Windows from here on are refused to nobody. */
  #refusedBefore: number;
  /** In force for readers: it is on disk. */
  #inForce: Cut;
  #times: readonly TimeMark[];
  /** Blocks may hold rows of windows that are gone. */
  #dirty = true;
  /** How often rows of windows that may be gone came into blocks. */
  #sealed = 0;
  /** Where the sweep goes on; null: it is at its end. */
  #sweep: AsyncGenerator<void> | null = null;

  constructor(blocks: BlockStore, partitions: number) {
    this.#blocks = blocks;
    this.#partitions = partitions;
    this.#cuts = blocks.meta<Cut[]>('cuts') ?? [
      { positions: new Array<number>(partitions).fill(0), all: null, tenants: {} },
    ];
    this.#inForce = this.#cuts.at(-1)!;
    this.#refusedBefore = keptByAll(this.#inForce);
    this.#times = blocks.meta<TimeMark[]>('times') ?? [];
  }

  /** What readers go by. */
  get cut(): Cut {
    return this.#inForce;
  }

  /** The start of the earliest window of a tenant that can be read; -Infinity: all can. */
  keptFrom(tenant: string): number {
    return keptFrom(this.#inForce, tenant);
  }

  /** Whether rows of a window may be turned away. */
  mayRefuse(windowStart: number): boolean {
    return windowStart < this.#refusedBefore;
  }

  /** Whether a row is turned away: its window had ended for its tenant before it came. */
  refuses(tenant: string, windowStart: number, partition: number, offset: number): boolean {
    const cut = this.#cuts.findLast(({ positions }) => positions[partition]! <= offset);
    return cut !== undefined && windowStart < keptFrom(cut, tenant);
  }

  /** The newest id of a tenant's rows that were here and are gone, tombstones among them; 0: none is. */
  expiredId(tenant: string): number {
    const bytes = encoder.encode(tenant);
    let newest = this.#blocks.gone(bytes);
    const from = this.keptFrom(tenant);
    if (!this.#dirty || from === -Infinity) return newest;
    for (const block of this.#blocks.ofWindows(bytes, -Infinity, from - 1))
      for (let row = 0; row < block.rows; row++)
        if (block.windows[row]! < from) newest = Math.max(newest, block.ids[row]!);
    return newest;
  }

  /** Rows of these windows are about to come into blocks. */
  sealing(windowStarts: readonly number[]): void {
    if (!windowStarts.some((start) => this.mayRefuse(start))) return;
    this.#dirty = true;
    this.#sealed += 1;
  }

  /** Begins a pass; rows below `positions` have been taken in. */
  async begin(retention: Retention, nowMs: number, positions: readonly number[]): Promise<void> {
    const { windowMs, lagMs = 0 } = this.#blocks.layout.view;
    const before = this.#cuts.at(-1)!;
    const cut = nextCut(before, retention, { nowMs, windowMs, lagMs }, positions);
    if (!sameCut(before, cut)) {
      this.#cuts = [...this.#cuts, cut];
      this.#refusedBefore = keptByAll(cut);
      this.#dirty = true;
    }
    const due = this.#times.length === 0 || nowMs - this.#times.at(-1)!.at >= HOUR_MS;
    const times = due ? [...this.#times, { at: nowMs, positions }] : this.#times;
    const old = times.findLastIndex(({ at }) => at <= nowMs - TOMBSTONE_MS);
    this.#times = times.slice(Math.max(0, old));
    await this.#blocks.putMeta({ cuts: this.#cuts, times: this.#times });
    await this.#blocks.flushed();
    this.#inForce = this.#cuts.at(-1)!;
    this.#sweep = this.#pass(old < 0 ? null : times[old]!.positions);
  }

  /** Whether `sweep` has something to do. */
  get sweeping(): boolean {
    return this.#sweep !== null;
  }

  /** Takes out some of what is gone, for so long or a little longer; it is on disk when this resolves. */
  async sweep(stepMs = STEP_MS): Promise<void> {
    const ends = performance.now() + stepMs;
    do if ((await this.#sweep?.next())?.done === true) this.#sweep = null;
    while (this.#sweep !== null && performance.now() < ends);
    await this.#blocks.flushed();
  }

  /** Forgets cuts that no replay from these offsets can meet. */
  forget(offsets: readonly number[]): void {
    const met = this.#cuts.findLastIndex(({ positions }) =>
      positions.every((position, partition) => position <= offsets[partition]!),
    );
    if (met > 0) this.#cuts = this.#cuts.slice(met);
  }

  /** One pass over everything, given back now and then. */
  async *#pass(tombstones: readonly number[] | null): AsyncGenerator<void> {
    if (tombstones !== null) yield* this.#purge(tombstones);
    if (!this.#dirty || keptByAll(this.#inForce) === -Infinity) return;
    const sealed = this.#sealed;
    let sliceEnds = 0;
    for (let tenant = this.#blocks.nextTenant(null); tenant !== null; tenant = this.#blocks.nextTenant(tenant)) {
      yield* this.#sweepTenant(tenant);
      if (performance.now() < sliceEnds) continue;
      await turn();
      yield;
      sliceEnds = performance.now() + SLICE_MS;
    }
    // What was sealed meanwhile may be of tenants that had been swept: the next pass sees to it.
    this.#dirty = sealed !== this.#sealed;
  }

  async *#sweepTenant(tenant: Uint8Array): AsyncGenerator<void> {
    const from = this.keptFrom(Buffer.from(tenant).toString());
    if (from === -Infinity) return;
    const ids = this.#blocks.idsOfWindows(tenant, -Infinity, from - 1);
    for (let at = 0; at < ids.length; at += CHUNK) {
      let newest = 0;
      for (const id of ids.slice(at, at + CHUNK)) {
        const block = this.#blocks.block(tenant, id);
        if (block === null) continue;
        newest = Math.max(
          newest,
          this.#rewrite(tenant, block, (row) => block.windows[row]! >= from),
        );
      }
      if (newest > 0) this.#blocks.putGone(tenant, newest);
      if (ids.length <= CHUNK) return;
      // What this tenant's next blocks are read from must have these writes in it.
      await this.#blocks.committed();
      yield;
    }
  }

  /** Takes tombstones out whose rows are below these offsets. */
  async *#purge(below: readonly number[]): AsyncGenerator<void> {
    for (let partition = 0; partition < this.#partitions; partition++)
      for (;;) {
        const end = idOf(below[partition]!, partition, this.#partitions);
        const stones = this.#blocks.tombstones(partition, end, CHUNK);
        if (stones.length === 0) break;
        for (const [tenant, ids] of byTenant(stones)) this.#purgeTenant(tenant, ids);
        this.#blocks.removeTombstones(partition, stones);
        await this.#blocks.committed();
        yield;
      }
  }

  #purgeTenant(tenant: Uint8Array, ids: ReadonlySet<number>): void {
    const done = new Set<number>();
    let newest = 0;
    for (const id of ids) {
      const [block] = this.#blocks.after(tenant, id - 1);
      if (block === undefined || done.has(block.ids[block.rows - 1]!)) continue;
      done.add(block.ids[block.rows - 1]!);
      const stays = (row: number): boolean => (block.marks[row]! & DELETED) === 0 || !ids.has(block.ids[row]!);
      newest = Math.max(newest, this.#rewrite(tenant, block, stays));
    }
    if (newest > 0) this.#blocks.putGone(tenant, newest);
  }

  /** Leaves those rows in a block that stay; answers the newest id of the others, 0 when all stay. */
  #rewrite(tenant: Uint8Array, block: RowSet, stays: (row: number) => boolean): number {
    const kept: RowRef[] = [];
    let newest = 0;
    for (let row = 0; row < block.rows; row++) {
      if (stays(row)) kept.push({ rows: block, row, id: block.ids[row]! });
      else newest = Math.max(newest, block.ids[row]!);
    }
    if (newest === 0) return 0;
    this.#blocks.remove(tenant, block);
    this.#blocks.put(tenant, kept);
    return newest;
  }
}

function byTenant(
  stones: readonly { readonly tenant: Uint8Array; readonly id: number }[],
): [Uint8Array, Set<number>][] {
  const found = new Map<string, [Uint8Array, Set<number>]>();
  for (const { tenant, id } of stones) {
    const name = Buffer.from(tenant).toString('latin1');
    let entry = found.get(name);
    if (entry === undefined) found.set(name, (entry = [tenant, new Set()]));
    entry[1].add(id);
  }
  return [...found.values()];
}

async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
