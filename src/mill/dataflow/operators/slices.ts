/**
 * State of an aggregate over overlapping windows: one partial a pane and key, however many windows share it.
 *
 * A row that is late for some of its windows and not for others goes to a slice of its own, which says the
 * first window that it counts for; it joins the pane's slice once those before are gone.
 *
 * Limits: a slice a pane and key, while a window of it can change; each counts against the view's budget.
 * Recovery: an entry a slice, so that a snapshot has what changed and no more.
 */
import type { Expression } from '../../../sql/plan.js';
import { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { Row, StateBudget } from '../operator.js';
import { rowCodec } from '../rows.js';
import type { Key, SavedEntry, StateCodec, StateStore } from '../state-table.js';
import { createStates, readStates, statesBytes, writeStates } from './accumulators.js';
import type { Accumulator } from './accumulators.js';
import type { RollingMerge } from './rolling-merge.js';

/** Bytes of a slice beside its states. */
const SLICE_BYTES = 200;
/** Most slices that one `count` looks at. */
const COUNTED_MAX = 512;

/** Partial aggregates of one key's rows in one pane. */
export class Slice {
  readonly group: SlicedGroup;
  readonly pane: number;
  /** The first window that its rows count for. */
  readonly from: number;
  states: unknown[];
  bytes = 0;
  isChanged = false;
  isGrown = false;
  /** Whether it waits to be encoded as it is. */
  isFrozen = false;
  isSaved = false;
  isGone = false;

  constructor(group: SlicedGroup, pane: number, from: number, states: unknown[]) {
    this.group = group;
    this.pane = pane;
    this.from = from;
    this.states = states;
  }
}

/** All slices of one key. */
export class SlicedGroup {
  readonly key: Key;
  /** Values of the keys that are no bounds. */
  keys: Row;
  /** By pane, rising. */
  readonly slices: Slice[] = [];
  /** Slices whose rows came too late for the pane's first windows. */
  readonly extras: Slice[] = [];
  /** Windows whose rows must be looked at again; none where the first is beyond the last. */
  dirtyFrom = Number.POSITIVE_INFINITY;
  dirtyTo = Number.NEGATIVE_INFINITY;
  /** Rows passed on, by window. */
  readonly passed = new Map<number, Row>();
  /** Windows whose value is an error. */
  broken: Set<number> | null = null;
  rolling: RollingMerge | null = null;

  constructor(key: Key, keys: Row) {
    this.key = key;
    this.keys = keys;
  }
}

/** The groups of one operator. */
export class SlicedGroups implements StateStore {
  readonly name: string;
  bytes = 0;
  readonly groups = new Map<Key, SlicedGroup>();
  readonly #accumulators: readonly Accumulator[];
  readonly #budget: StateBudget;
  readonly #keys: StateCodec<Row>;
  #slices = 0;
  #changed: Slice[] = [];
  readonly #grown: Slice[] = [];
  #gone: string[] = [];
  #frozen: Slice[] = [];
  #saved: SavedEntry[] = [];
  readonly #writer = new ByteWriter(256);

  constructor(name: string, accumulators: readonly Accumulator[], parts: readonly Expression[], budget: StateBudget) {
    this.name = name;
    this.#accumulators = accumulators;
    this.#budget = budget;
    this.#keys = rowCodec(parts);
  }

  get size(): number {
    return this.#slices;
  }

  /** The slice of a pane; a new one where there is none. */
  sliceAt(group: SlicedGroup, pane: number, from: number, isExtra: boolean): Slice {
    const found = isExtra
      ? group.extras.find((slice) => slice.pane === pane && slice.from === from)
      : findSlice(group.slices, pane);
    return found ?? this.#insert(group, pane, from, isExtra);
  }

  #insert(group: SlicedGroup, pane: number, from: number, isExtra: boolean): Slice {
    const slice = new Slice(group, pane, from, createStates(this.#accumulators));
    const list = isExtra ? group.extras : group.slices;
    const at = isExtra ? list.length : firstAtOrAfter(list, pane);
    // `splice` copies the list, at its end too.
    if (at === list.length) list.push(slice);
    else list.splice(at, 0, slice);
    this.#slices++;
    this.#resize(slice, SLICE_BYTES);
    return slice;
  }

  /** A slice's states are about to be changed. */
  touch(slice: Slice): void {
    if (slice.isFrozen) this.#encode(slice);
    if (!slice.isGrown) {
      slice.isGrown = true;
      this.#grown.push(slice);
    }
    if (!slice.isChanged) {
      slice.isChanged = true;
      this.#changed.push(slice);
    }
  }

  /** Forgets a slice that its group's lists no longer have. */
  forget(slice: Slice): void {
    this.#slices--;
    this.#resize(slice, 0);
    slice.isGone = true;
    if (slice.isFrozen) this.#encode(slice);
    if (slice.isSaved) this.#gone.push(entryKey(slice));
    // Without snapshots nothing else lets go of them.
    if (this.#changed.length > 2 * this.#slices + COUNTED_MAX)
      this.#changed = this.#changed.filter(({ isGone }) => !isGone);
  }

  #resize(slice: Slice, bytes: number): void {
    this.#budget.bytes += bytes - slice.bytes;
    this.bytes += bytes - slice.bytes;
    slice.bytes = bytes;
  }

  count(): void {
    for (let left = COUNTED_MAX; left > 0 && this.#grown.length > 0; left--) {
      const slice = this.#grown.pop()!;
      slice.isGrown = false;
      if (!slice.isGone) this.#resize(slice, SLICE_BYTES + statesBytes(this.#accumulators, slice.states));
    }
  }

  freeze(): void {
    this.#saved = this.#gone.map((key) => ({ key, bytes: null }));
    this.#gone = [];
    this.#frozen = this.#changed;
    this.#changed = [];
    for (const slice of this.#frozen) {
      slice.isChanged = false;
      slice.isFrozen = !slice.isGone;
      slice.isSaved = true;
    }
  }

  encode(max: number): number {
    let count = 0;
    for (; count < max; count++) {
      const slice = this.#frozen.pop();
      if (slice === undefined) break;
      if (slice.isFrozen) this.#encode(slice);
    }
    return count;
  }

  #encode(slice: Slice): void {
    slice.isFrozen = false;
    const writer = this.#writer;
    writer.length = 0;
    this.#keys.write(slice.group.keys, writer);
    writeStates(this.#accumulators, slice.states, writer);
    this.#saved.push({ key: entryKey(slice), bytes: writer.copy() });
  }

  take(): SavedEntry[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved;
  }

  load(entry: Key, bytes: Uint8Array | null): void {
    const { from, key, pane } = parseEntryKey(entry as string);
    let group = this.groups.get(key);
    const lists = group === undefined ? [] : [group.slices, group.extras];
    for (const list of lists) {
      const at = list.findIndex((slice) => slice.pane === pane && slice.from === from);
      if (at >= 0) this.#drop(list, at);
    }
    if (bytes === null) {
      if (group !== undefined && group.slices.length + group.extras.length === 0) this.groups.delete(key);
      return;
    }
    const reader = new ByteReader(bytes);
    const keys = this.#keys.read(reader);
    if (group === undefined) {
      group = new SlicedGroup(key, keys);
      this.groups.set(key, group);
    }
    group.keys = keys;
    // `settle` puts it where it belongs, once all are there.
    const slice = this.#insert(group, pane, from, true);
    slice.states = readStates(this.#accumulators, reader);
    slice.isSaved = true;
    slice.isGrown = true;
    this.#grown.push(slice);
  }

  /** After loading: puts slices that count for all windows of their pane in order. */
  settle(firstWindow: (pane: number) => number): void {
    for (const group of this.groups.values()) {
      const whole = group.extras.filter(({ from, pane }) => from === firstWindow(pane));
      const late = group.extras.filter(({ from, pane }) => from !== firstWindow(pane));
      group.slices.push(...whole);
      group.slices.sort((a, b) => a.pane - b.pane);
      group.extras.splice(0, group.extras.length, ...late);
    }
  }

  #drop(list: Slice[], at: number): void {
    const [slice] = list.splice(at, 1);
    slice!.isSaved = false;
    this.forget(slice!);
  }
}

/** The slice of a pane. */
function findSlice(slices: readonly Slice[], pane: number): Slice | undefined {
  const last = slices[slices.length - 1];
  if (last === undefined || last.pane < pane) return undefined;
  if (last.pane === pane) return last;
  const slice = slices[firstAtOrAfter(slices, pane)];
  return slice?.pane === pane ? slice : undefined;
}

/** Position of the first slice at a pane or behind it; the length where there is none. */
export function firstAtOrAfter(slices: readonly Slice[], pane: number): number {
  let low = 0;
  let high = slices.length;
  if (high === 0 || slices[high - 1]!.pane < pane) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slices[middle]!.pane < pane) low = middle + 1;
    else high = middle;
  }
  return low;
}

function entryKey({ from, group, pane }: Slice): string {
  return `${pane};${from};${typeof group.key === 'number' ? 'n' : 's'}${group.key}`;
}

function parseEntryKey(entry: string): { pane: number; from: number; key: Key } {
  const first = entry.indexOf(';');
  const second = entry.indexOf(';', first + 1);
  const text = entry.slice(second + 2);
  return {
    pane: Number(entry.slice(0, first)),
    from: Number(entry.slice(first + 1, second)),
    key: entry[second + 1] === 'n' ? Number(text) : text,
  };
}
