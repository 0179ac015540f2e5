/**
 * What several views do alike with a batch, done once.
 *
 * Views over one stream often differ only in their windows, in which rows they keep and in what they count, and
 * group them by the same keys. Such views are *kin*. Where there are two or more of a kind, whoever gets a batch first
 * reduces it to its groups (`reduction.ts`): by the keys, and by *slices* of time into which the windows of all of them
 * divide, with the aggregates of all of them; what a view keeps is a condition of its aggregates. Each view then adds these groups to its windows: its state, its positions and what it publishes
 * are its own, and the same as if it were alone.
 *
 * Limits. Only batches in which no row is late, views without lookups whose keys are columns, and aggregates that can
 * be merged. A batch in which an expression fails, a time is NULL, or groups are not much fewer than rows, is each
 * view's own; after one with too many groups, the next `REST_BATCHES` are not tried. A batch's groups live as long as
 * the batch, which is as long as readers share it.
 */
import type { ColumnBatch } from '../../event/columns.js';
import type { Schema } from '../../event/schema.js';
import type { LogBatch } from '../../log/log.js';
import { canFail } from '../../sql/walk.js';
import type { AggregateCall, Expression, ViewPlan } from '../../sql/plan.js';
import { accumulatorFactory, cellLayout, isMergeable } from '../state/accumulators/create.js';
import type { AccumulatorFactory, CellLayout } from '../state/accumulators/create.js';
import { shapeOf } from './columns.js';
import { usesBounds } from './expressions.js';
import { usedColumns } from './kernel.js';
import { hasCodes, Reducer } from './reduction.js';
import type { Partials, Reduced } from './reduction.js';
import { KernelEnvironment } from './source.js';

/** Batches that are not tried after one that had too many groups. */
const REST_BATCHES = 16;
/** Aggregates of one kind, beyond which its next views begin another. */
const AGGREGATES_MAX = 64;
/** Slices of a batch whose groups are looked up by code. */
const CODED_SLICES = 8;
/** Reducers kept a kind: shapes of batches. */
const REDUCERS_MAX = 32;

/** A batch's groups for one view. */
export interface SharedGroups {
  readonly reduced: Reduced;
  readonly partials: Partials;
}

/** A view's part in what is shared. */
export interface SharedView {
  /** The groups of a batch; null where the view goes through the rows itself. */
  groupsOf(batch: LogBatch): SharedGroups | null;
  /** Whether there are others that share with it. */
  readonly hasKin: boolean;
  leave(): void;
}

/** The views of one thread, by what they have alike. */
export class SharedViews {
  readonly #kinds = new Map<string, Kin>();

  /** A view begins; null where it can share nothing. */
  join(plan: ViewPlan, schema: Schema): SharedView | null {
    const kind = kindOf(plan, schema);
    if (kind === null) return null;
    let key = kind;
    while (this.#kinds.get(key)?.isFull === true) key += '+';
    const kin = this.#kinds.get(key) ?? new Kin(schema);
    this.#kinds.set(key, kin);
    const member = kin.add(plan);
    return {
      groupsOf: (batch) => kin.groupsOf(member, batch),
      get hasKin(): boolean {
        return kin.size > 1;
      },
      leave: () => {
        kin.remove(member);
        if (kin.size === 0) this.#kinds.delete(key);
      },
    };
  }
}

/** A view among its kin. */
interface Member {
  readonly plan: ViewPlan;
  /** Its aggregates over the rows that it keeps, and over all, where all views keep the same. */
  readonly kept: readonly AggregateCall[];
  readonly all: readonly AggregateCall[];
}

/** What kin have the same; null for a view that has none. */
function kindOf(plan: ViewPlan, schema: Schema): string | null {
  const { aggregates, eventTime, keys, lookups, source, where } = plan;
  const read = [where, ...aggregates.flatMap(({ arg, filter }) => [arg, filter])];
  if (lookups !== undefined || eventTime !== schema.roles.eventTime) return null;
  if (read.some((expression) => expression !== null && usesBounds(expression))) return null;
  if (keys.some(({ expression }) => expression.kind !== 'column') || !aggregates.every(isMergeable)) return null;
  const columns = keys.map(({ expression }) => expression);
  const failing = where !== null && canFail(where) ? where : null;
  return textOf([source, schema.columns.map(({ type }) => type), failing, columns]);
}

/** What a batch was reduced to, and for whom. */
interface Known {
  readonly union: Union;
  readonly reduced: Reduced | null;
}

/** Views of one kind. */
class Kin {
  readonly #members = new Set<Member>();
  readonly #environment: KernelEnvironment;
  readonly #batches = new WeakMap<ColumnBatch, Known>();
  /** Calls and filters by their text. */
  readonly #objects = new Map<string, object>();
  /** Of all views; null once they are others. */
  #union: Union | null = null;
  #rest = 0;

  constructor(schema: Schema) {
    this.#environment = new KernelEnvironment(schema, () => {
      throw new TypeError('a reduction has no pool');
    });
  }

  get size(): number {
    return this.#members.size;
  }

  get isFull(): boolean {
    return this.#current().places.size >= AGGREGATES_MAX;
  }

  add(plan: ViewPlan): Member {
    const rows: AggregateCall = { name: 'count', arg: null, filter: null, type: 'bigint' };
    const kept = [...plan.aggregates, rows].map((call) =>
      this.#one({ ...call, filter: both(plan.where, call.filter) }),
    );
    const member = { plan, kept, all: plan.aggregates.map((call) => this.#one(call)) };
    this.#members.add(member);
    this.#union = null;
    return member;
  }

  remove(member: Member): void {
    this.#members.delete(member);
    this.#union = null;
  }

  /** The same object for the same call, its filter too. */
  #one(call: AggregateCall): AggregateCall {
    const filter = call.filter === null ? null : this.#known(call.filter);
    return this.#known({ ...call, filter });
  }

  #known<T extends object>(value: T): T {
    const text = textOf(value);
    const known = this.#objects.get(text) as T | undefined;
    if (known === undefined) this.#objects.set(text, value);
    return known ?? value;
  }

  #current(): Union {
    return (this.#union ??= new Union([...this.#members], this.#environment));
  }

  /** A batch that was reduced before another view left serves those that are still there. */
  groupsOf(member: Member, batch: LogBatch): SharedGroups | null {
    if (!this.#members.has(member)) return null;
    let known = this.#batches.get(batch.batch);
    if (known?.union.members.has(member) !== true) {
      if (this.#members.size < 2) return null;
      known = { union: this.#current(), reduced: this.#reduce(batch) };
      this.#batches.set(batch.batch, known);
    }
    const { reduced, union } = known;
    return reduced === null ? null : { reduced, partials: union.partialsOf(member, reduced) };
  }

  #reduce(batch: LogBatch): Reduced | null {
    if (this.#rest > 0) {
      this.#rest--;
      return null;
    }
    const union = this.#current();
    if (!hasCodes(union.plan, this.#environment, batch.batch)) return null;
    try {
      const reduced = union.reduce(batch);
      if (reduced === null) this.#rest = REST_BATCHES;
      return reduced;
    } catch {
      // Each view goes through the rows itself, and tells of those that fail.
      return null;
    }
  }
}

/** Views of one kind as one, with the slice as its window. */
class Union {
  readonly members: ReadonlySet<Member>;
  readonly plan: ViewPlan;
  /** Place of each aggregate in `plan`. */
  readonly places: ReadonlyMap<AggregateCall, number>;
  /** Whether all of them keep the same rows; else what each keeps is a condition of its aggregates. */
  readonly #isOneWhere: boolean;
  readonly #environment: KernelEnvironment;
  readonly #create: AccumulatorFactory;
  readonly #layout: CellLayout;
  readonly #columns: readonly number[];
  readonly #reducers = new Map<string, Reducer>();

  constructor(members: readonly Member[], environment: KernelEnvironment) {
    this.members = new Set(members);
    this.#environment = environment;
    const first = members[0]!.plan;
    const { offsetMs } = first.window;
    const parts = members.flatMap(({ plan: { window } }) => [window.sizeMs, Math.abs(window.offsetMs - offsetMs)]);
    const sizeMs = parts.reduce(commonDivisor);
    const where = textOf(first.where);
    this.#isOneWhere = members.every(({ plan }) => textOf(plan.where) === where);
    const aggregates = [...new Set(members.flatMap(({ all, kept }) => (this.#isOneWhere ? all : kept)))];
    this.plan = {
      ...first,
      where: this.#isOneWhere ? first.where : null,
      aggregates,
      window: { kind: 'tumble', sizeMs, offsetMs },
    };
    this.places = new Map(aggregates.map((call, place) => [call, place]));
    this.#create = accumulatorFactory(this.plan, environment.schema, environment.pool);
    this.#layout = cellLayout(this.plan);
    this.#columns = usedColumns(this.plan);
  }

  /** What a batch's groups have for one of the views. */
  partialsOf({ all, kept, plan }: Member, reduced: Reduced): Partials {
    const { offsets, stride } = this.#layout;
    const places = (this.#isOneWhere ? all : kept).map((call) => this.places.get(call)!);
    return {
      accumulators: places.map((place) => reduced.accumulators[place]!),
      cells: reduced.cells,
      stride,
      offsets: places.map((place) => offsets[place]!),
      rowsAt: this.#isOneWhere || plan.where === null ? -1 : offsets[places.at(-1)!]!,
    };
  }

  /** A batch's groups; null where they are too many. Throws what an expression throws. */
  reduce({ batch, eventTimeMax, eventTimeMin }: LogBatch): Reduced | null {
    const { offsetMs, sizeMs } = this.plan.window;
    const origin = Math.floor((eventTimeMin - offsetMs) / sizeMs) * sizeMs + offsetMs;
    const coded = eventTimeMax - origin < CODED_SLICES * sizeMs;
    return this.#reducer(batch, coded).run(batch, origin);
  }

  #reducer(batch: ColumnBatch, coded: boolean): Reducer {
    let shape = coded ? 'coded' : 'any';
    for (const column of this.#columns) shape += ` ${shapeOf(batch.column(column))}`;
    let reducer = this.#reducers.get(shape);
    if (reducer === undefined) {
      if (this.#reducers.size === REDUCERS_MAX) this.#reducers.delete(this.#reducers.keys().next().value!);
      reducer = new Reducer(this.plan, this.#environment, this.#create, batch, coded);
      this.#reducers.set(shape, reducer);
    }
    return reducer;
  }
}

function both(a: Expression | null, b: Expression | null): Expression | null {
  if (a === null || b === null) return a ?? b;
  return { kind: 'and', args: [a, b], type: 'boolean' };
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
