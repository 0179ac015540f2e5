/**
 * Join of two relations whose rows are only added: `join.ts` over columns.
 *
 * Rows of both sides lie in slots, their keys are small numbers that both sides share, and the slots of a key are in
 * order of time. A row that comes notes a pair of slots for each row that it meets. The pairs of a round, or as many
 * as a batch of the changes stream has, become one block: the fields are gathered, then the condition is asked.
 * Rows that met none (outer and anti joins) or their first (semi) are passed on at the flush; one that stood alone and
 * then meets one is taken back.
 *
 * Limits: as `join.ts`; where there is no room a whole block is refused.
 * Invariants: a key is in use exactly while a side has rows of it. No slot is freed while pairs are noted.
 * Recovery: as `join.ts`, from the same pages.
 */
import type { Join } from '../../../sql/relation/relation.js';
import { BlockDeltas, countOf, rowAt, rowsOfBlock, selectRows, type Block } from '../block.js';
import { compileBlockCondition, type BlockCondition } from '../block-expressions.js';
import { BlockKeys, canBeBlockKeys } from '../block-keys.js';
import type { OperatorScope } from '../build.js';
import { compileCondition, failureReason } from '../expressions.js';
import type { Age, DataflowContext, Deltas, Operator, Output, Row, ShedCut } from '../operator.js';
import type { Placing } from '../packed-columns.js';
import { isAppendOnly } from '../../../sql/relation/append-only.js';
import type { StateStore } from '../state-table.js';
import { reachOf } from './join-reach.js';
import { LeftOut } from './left-out.js';
import { PackedJoinSide, type KeyedBlock } from './packed-join-side.js';
import { PackedStanding } from './packed-standing.js';
import { selectDeltas } from './row-wise.js';
import { tellShed } from './shed-rows.js';
import { orderByKey } from './slot-runs.js';

/** Pairs that become a block: as many as a batch of the changes stream has rows. */
const PAIRS_MAX = 16_384;

/** Whether `PackedJoin` runs a join (`mode: both`). */
export function isPackable({ equal, left, right }: Join): boolean {
  return isAppendOnly(left) && isAppendOnly(right) && canBeBlockKeys(equal.map((pair) => pair.left.type));
}

/** A side and what becomes of its rows. */
interface Side {
  readonly side: PackedJoinSide;
  readonly leftOut: LeftOut;
  /** Null where nothing depends on how many rows a row met. */
  readonly standing: PackedStanding | null;
}

/** See the head of the file. */
export class PackedJoin implements Operator {
  readonly name = 'join';
  readonly tables: readonly StateStore[];
  readonly #sides: readonly [Side, Side];
  readonly #keys: BlockKeys;
  readonly #context: DataflowContext;
  readonly #output: Output;
  readonly #pairLeftOut: LeftOut;
  readonly #condition: PairCondition | null;
  /** Whether pairs are passed on. */
  readonly #givesPairs: boolean;
  /** Slots of the pairs that are noted. */
  readonly #lefts = new Uint32Array(PAIRS_MAX);
  readonly #rights = new Uint32Array(PAIRS_MAX);
  #pairs = 0;

  constructor(join: Join, { context, path, output }: OperatorScope) {
    const { condition, equal, left, right, type } = join;
    this.#context = context;
    this.#output = output;
    const reach = reachOf(join);
    const nullSafe = equal.map((pair) => pair.nullSafe);
    const side = (of: 'left' | 'right', standing: (side: PackedJoinSide) => PackedStanding | null): Side => {
      const made = new PackedJoinSide({
        name: `${path}.${of}`,
        relation: join[of],
        keys: equal.map((pair) => pair[of]),
        nullSafe,
        reach: reach[of],
        budget: context.budget,
      });
      return { side: made, leftOut: new LeftOut(context, join[of], join[of].fields), standing: standing(made) };
    };
    this.#sides = [
      side('left', ({ rows }) => PackedStanding.ofLeft(type, rows, right.fields, output)),
      side('right', ({ rows }) => PackedStanding.ofRight(type, rows, left.fields, output)),
    ];
    this.tables = this.#sides.map(({ side: { rows } }) => rows);
    const types = equal.map((pair) => pair.left.type);
    this.#keys = new BlockKeys([...types.keys()], types);
    this.#pairLeftOut = new LeftOut(context, null, [...left.fields, ...right.fields]);
    this.#condition = condition === null ? null : new PairCondition(condition, this.#pairLeftOut);
    this.#givesPairs = type !== 'semi' && type !== 'anti';
  }

  take(input: number, deltas: Deltas): void {
    if (deltas.weights?.some((weight) => weight < 0) === true)
      throw new Error('a row was taken back of a relation whose rows are only added');
    if (countOf(deltas) === 0) return;
    const mine = this.#sides[input]!;
    const keyed = mine.side.keyed(deltas, (row, error) => mine.leftOut.report(row, failureReason(error)));
    if (keyed.block.count > 0) this.#takeKeyed(mine, input, keyed);
  }

  #takeKeyed(mine: Side, input: number, keyed: KeyedBlock): void {
    const { block, keys, stamps } = keyed;
    const { count } = block;
    const ids = new Int32Array(count);
    this.#keys.idsOf({ count, vectors: keys, distinct: null }, ids);
    for (const { side } of this.#sides) side.runs.reserve(this.#keys.size);
    const times = mine.side.timesOf(keyed);
    const placing = this.#place(mine, keyed, times, ids);
    mine.side.rows.add({ block, stamps, keys: ids, times }, placing);
    mine.standing?.came(placing);
    this.#probe(mine.side, input, ids, times, placing);
    if (placing.count === count) return;
    for (let i = 0; i < count; i++) this.#restIfEmpty(ids[i]!);
  }

  /** The rows that are kept. The others are refused, or stand alone for ever. */
  #place({ leftOut, standing }: Side, { block, stamps }: KeyedBlock, times: Float64Array, ids: Int32Array): Placing {
    const rows = new Int32Array(block.count);
    const alone = new Uint32Array(block.count);
    let kept = 0;
    let unmet = 0;
    for (let i = 0; i < block.count; i++) {
      if (times[i] === times[i]) rows[kept++] = i;
      else alone[unmet++] = i;
    }
    if (unmet > 0) standing?.standAlone(selectDeltas(block, stamps, alone, unmet));
    if (kept > 0 && !this.#context.budget.hasRoom()) {
      for (let i = 0; i < kept; i++) leftOut.report(rowAt(block, rows[i]!), 'state_full');
      kept = 0;
    }
    const ordered = orderByKey(rows, kept, ids, this.#keys.size);
    return { size: block.count, rows: ordered, slots: new Int32Array(kept), count: kept };
  }

  /** Notes the pairs of rows that came, and files them. */
  #probe(
    side: PackedJoinSide,
    input: number,
    ids: Int32Array,
    times: Float64Array,
    { count, rows, slots }: Placing,
  ): void {
    const { fromMs, toMs } = side.reach;
    const there = this.#sides[1 - input]!.side.runs;
    const { places } = there;
    const [own, others] = input === 0 ? [this.#lefts, this.#rights] : [this.#rights, this.#lefts];
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const slot = slots[i]!;
      const id = ids[row]!;
      const time = times[row]!;
      const last = time + toMs;
      const end = there.end(id);
      for (let at = there.firstFrom(id, time + fromMs); at < end && places[2 * at]! <= last; at++) {
        if (this.#pairs === PAIRS_MAX) this.#meet();
        own[this.#pairs] = slot;
        others[this.#pairs++] = places[2 * at + 1]!;
      }
      side.runs.add(id, time, slot);
    }
  }

  /** Passes the noted pairs on. */
  #meet(): void {
    const count = this.#pairs;
    if (count === 0) return;
    this.#pairs = 0;
    const [{ side: left, standing: leftStanding }, { side: right, standing: rightStanding }] = this.#sides;
    let selection: Uint32Array | null = null;
    let met = count;
    if (this.#givesPairs || this.#condition !== null) {
      const vectors = [...left.rows.gather(this.#lefts, count), ...right.rows.gather(this.#rights, count)];
      const block: Block = { count, vectors, distinct: null };
      if (this.#condition !== null) {
        selection = new Uint32Array(count);
        met = this.#condition.select(block, selection);
      }
      if (this.#givesPairs && met > 0) this.#pass(block, met < count ? selection : null, met);
    }
    leftStanding?.met(this.#lefts, selection, met);
    rightStanding?.met(this.#rights, selection, met);
  }

  #pass(block: Block, selection: Uint32Array | null, count: number): void {
    const left = this.#sides[0].side.rows.stamps;
    const right = this.#sides[1].side.rows.stamps;
    const stamps = new Array<number>(count);
    for (let i = 0; i < count; i++) {
      const pair = selection === null ? i : selection[i]!;
      stamps[i] = Math.max(left[this.#lefts[pair]!]!, right[this.#rights[pair]!]!);
    }
    this.#output(new BlockDeltas(selection === null ? block : selectRows(block, selection, count), stamps));
  }

  flush(): void {
    this.#meet();
    for (const { standing } of this.#sides) standing?.flush();
  }

  advance(now: number): void {
    this.flush();
    const horizon = now - this.#context.lagMs - this.#context.allowedLatenessMs;
    for (const { side } of this.#sides) side.expire(horizon, (key) => this.#restIfEmpty(key));
    this.#keys.settle();
  }

  ages(visit: (age: Age, at: number, bytes: number) => void): void {
    for (const { side } of this.#sides) side.ages((at, bytes) => visit('time', at, bytes));
  }

  /** What a row met or did not stays as it is; those to come meet it no more. */
  shed({ time }: ShedCut): void {
    for (const { leftOut, side } of this.#sides) {
      const rows = side.shed(time, (key) => this.#restIfEmpty(key));
      tellShed(rows, side.fields, leftOut);
    }
    this.#keys.settle();
  }

  /** Nobody has rows of a key any more. */
  #restIfEmpty(key: number): void {
    if (this.#sides[0].side.runs.isEmpty(key) && this.#sides[1].side.runs.isEmpty(key)) this.#keys.rest(key);
  }

  restored(): void {
    for (const { side } of this.#sides) side.restored(this.#keys);
  }
}

/** What else must be true of pairs. */
class PairCondition {
  readonly #ofBlock: BlockCondition;
  readonly #ofRow: (row: Row) => boolean;
  readonly #leftOut: LeftOut;

  constructor(condition: NonNullable<Join['condition']>, leftOut: LeftOut) {
    this.#ofBlock = compileBlockCondition(condition);
    this.#ofRow = compileCondition(condition);
    this.#leftOut = leftOut;
  }

  /** The pairs that meet; answers how many. One that the condition can't be evaluated for does not, and is told of. */
  select(block: Block, selection: Uint32Array): number {
    const count = this.#ofBlock(block, selection);
    if (count !== null) return count;
    let met = 0;
    rowsOfBlock(block).forEach((row, i) => {
      try {
        if (this.#ofRow(row)) selection[met++] = i;
      } catch (error) {
        this.#leftOut.report(row, failureReason(error));
      }
    });
    return met;
  }
}
