/**
 * When rows of an ASOF join over times can go.
 *
 * No row in time is before the horizon (the clock less lag and allowed lateness). With `>=` and `>`: a
 * left row before it meets no new right row; a right row before it is hidden by a later one that is before
 * it too, unless rows on the right can be taken back. With `<=` and `<`: a left row goes once the right row
 * that it met is before the horizon, as nothing nearer can come; then the right rows before it are of no use.
 * A version of a table that comes later than that changes only the left rows that are still there.
 *
 * Each key with something to drop is filed once; a key is looked at again a bucket later while it has more.
 */
import type { DataflowContext } from '../operator.js';
import type { Key, StateCodec, StateTable } from '../state-table.js';
import { position, type AsOfGroup, type Placed } from './as-of-group.js';
import { bucketWidthMs, Expiry } from './expiry.js';

/** What the join's comparison and inputs allow. */
export interface AsOfRules {
  /** `<=` or `<`: lists fall by time. */
  readonly isMirrored: boolean;
  readonly isStrict: boolean;
  /** Whether right rows that a later one hides can go. */
  readonly canSupersede: boolean;
  /** Whether no right row is taken back. */
  readonly isSteady: boolean;
  /** The right row that a left row meets. */
  best(group: AsOfGroup, left: Placed): Placed | undefined;
}

/** Drops rows as the clock goes on. */
export class AsOfLifetimes {
  readonly #groups: StateTable<AsOfGroup>;
  readonly #left: StateCodec<Placed>;
  readonly #right: StateCodec<Placed>;
  readonly #graceMs: number;
  readonly #widthMs: number;
  readonly #rules: AsOfRules;
  readonly #expiry: Expiry<Key>;
  readonly #filed = new Set<Key>();

  constructor(
    groups: StateTable<AsOfGroup>,
    left: StateCodec<Placed>,
    right: StateCodec<Placed>,
    { lagMs, allowedLatenessMs }: DataflowContext,
    rules: AsOfRules,
  ) {
    this.#groups = groups;
    this.#left = left;
    this.#right = right;
    this.#graceMs = lagMs + allowedLatenessMs;
    this.#widthMs = bucketWidthMs(this.#graceMs);
    this.#rules = rules;
    this.#expiry = new Expiry(this.#widthMs);
  }

  /** A row of that time, ms, came to a key. */
  file(key: Key, time: number): void {
    if (this.#filed.has(key)) return;
    this.#filed.add(key);
    this.#expiry.add(time, key);
  }

  advance(now: number): void {
    const horizon = now - this.#graceMs;
    this.#expiry.due(horizon, (key) => {
      this.#filed.delete(key);
      const group = this.#groups.get(key);
      if (group === undefined) return;
      this.#groups.touch(key);
      if (this.#rules.isMirrored) this.#trimMirrored(group, horizon);
      else this.#trim(group, horizon);
      const after = group.left.length + group.right.length;
      if (after === 0) this.#groups.delete(key);
      // One right row alone waits for left rows: nothing of it can go.
      if (after > 1 || group.left.length > 0) this.file(key, horizon + this.#widthMs);
    });
  }

  #trim(group: AsOfGroup, horizon: number): void {
    const isBefore = ({ value }: Placed): boolean => (value as number) < horizon;
    const { left, right } = group;
    this.#drop(group, left, 0, position(left, isBefore), this.#left);
    if (!this.#rules.canSupersede) return;
    const isHidden = this.#rules.isStrict ? isBefore : ({ value }: Placed): boolean => (value as number) <= horizon;
    const last = position(right, isHidden) - 1;
    if (last < 0) return;
    // The end of a table's row hides those before it, and is as good as nothing.
    this.#drop(group, right, 0, right[last]!.row === null ? last + 1 : last, this.#right);
  }

  #trimMirrored(group: AsOfGroup, horizon: number): void {
    if (!this.#rules.isSteady) return;
    const { left, right } = group;
    for (let i = left.length - 1; i >= 0; i--) {
      const met = this.#rules.best(group, left[i]!);
      if (met !== undefined && (met.value as number) < horizon) this.#drop(group, left, i, i + 1, this.#left);
    }
    const from = position(right, ({ value }) => (value as number) >= horizon);
    this.#drop(group, right, from, right.length, this.#right);
  }

  #drop(group: AsOfGroup, list: Placed[], from: number, to: number, codec: StateCodec<Placed>): void {
    for (const placed of list.splice(from, to - from)) group.bytes -= codec.bytes(placed);
  }

  restored(): void {
    for (const [key, { left, right }] of this.#groups.entries())
      for (const { value } of [...left.slice(0, 1), ...right.slice(0, 1)]) this.file(key, value as number);
  }
}
