/** What the tests of the packed aggregates share: rows, calls, and a view that is run with its publisher. */
import { Emitter } from '../../../../src/mill/dataflow/emitter.js';
import type { OperatorScope } from '../../../../src/mill/dataflow/build.js';
import type { DataflowContext, Operator, Row } from '../../../../src/mill/dataflow/operator.js';
import { publishedRows, type Publisher } from '../../../../src/mill/dataflow/publication.js';
import { captureOf, type SavedEntry, type StateStore } from '../../../../src/mill/dataflow/state-table.js';
import { parseDecimal } from '../../../../src/sql/decimal.js';
import type { Expression, SqlType } from '../../../../src/sql/plan.js';
import type { Aggregate, AggregateSpec, RelationView } from '../../../../src/sql/relation/relation.js';
import type { Value } from '../../../../src/sql/value.js';
import { expect } from 'vitest';
import { call, column, field, literal, maybe, type Dice, type Driver, type MakeOperator } from './support.js';

export const FIELDS = [
  field('k', 'text'),
  field('v', 'integer'),
  field('n', 'numeric'),
  field('b', 'bigint'),
  field('t', 'timestamptz'),
];
export const TYPES = FIELDS.map(({ type }) => type);
export const K = column(FIELDS, 0);
export const V = column(FIELDS, 1);
const N = column(FIELDS, 2);
export const B = column(FIELDS, 3);
const T = column(FIELDS, 4);

/** Fails where v is 0. */
const DIVIDED = call('/', [literal(12, 'integer'), V], 'integer');
const ABOVE = call('>', [V, literal(3, 'integer')], 'boolean');

function spec(name: string, type: SqlType, args: readonly Expression[], filter: Expression | null = null) {
  return { name, type, args, filter, distinct: false, order: [] } satisfies AggregateSpec;
}

export const CALLS: readonly AggregateSpec[] = [
  spec('count', 'bigint', []),
  spec('count', 'bigint', [K]),
  spec('count', 'bigint', [], ABOVE),
  spec('sum', 'bigint', [V]),
  spec('sum', 'bigint', [DIVIDED], ABOVE),
  spec('sum', 'bigint', [DIVIDED]),
  spec('avg', 'numeric', [V]),
  spec('sum', 'numeric', [N]),
  spec('sum', 'numeric', [N], ABOVE),
  spec('avg', 'numeric', [N]),
  spec('sum', 'numeric', [B]),
  spec('min', 'integer', [V]),
  spec('max', 'numeric', [N]),
  spec('min', 'bigint', [B]),
  spec('max', 'timestamptz', [T]),
  spec('any_value', 'integer', [V], ABOVE),
];

const DECIMALS = ['1.00', '2.50', '-3.25', '0.00'].map((text) => parseDecimal(text)!);
const ODD = ['0.125', '45035996273704.96', '90071992547409920.01'].map((text) => parseDecimal(text)!);
const LARGE: readonly Value[] = [2 ** 52 - 1, -(2 ** 52), 2n ** 62n];

/** A row at a time. */
export function rowOf(dice: Dice, time: number | null): Row {
  const isOdd = dice.below(12) === 0;
  return [
    maybe(dice, dice.pick(['a', 'b', 'c', 'd'])),
    maybe(dice, dice.below(7)),
    maybe(dice, isOdd ? dice.pick(ODD) : dice.pick(DECIMALS)),
    maybe(dice, dice.below(20) === 0 ? dice.pick(LARGE) : dice.below(5)),
    time,
  ];
}

/** Late rows as texts. */
export function lateOf({ late }: Driver): string[] {
  return late.map((row) => JSON.stringify({ ...row, fields: null }, textOf)).toSorted();
}

/** For `JSON.stringify`. */
export function textOf(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

/** A view that shows the fields of an aggregate in another order. */
function viewOf(relation: Aggregate, fields: readonly number[], options: Partial<DataflowContext>): RelationView {
  const expressions = fields.map((place) => column(relation.fields, place));
  return {
    name: 'v',
    text: '',
    relation: {
      kind: 'project',
      fields: fields.map((place) => relation.fields[place]!),
      input: relation,
      expressions,
    },
    width: fields.length,
    notices: [],
    key: relation.keys.map((_, field) => fields.indexOf(field)),
    closes: relation.windowEnd === null ? null : fields.indexOf(relation.windowEnd),
    tenant: null,
    lagMs: options.lagMs!,
    allowedLatenessMs: options.allowedLatenessMs!,
    emit: { kind: 'change' },
  };
}

/** A view that is run: by an operator that publishes its rows, or by one and an emitter. */
export class Run {
  operator!: Operator;
  publisher!: Publisher;
  readonly #open: () => void;
  readonly #saved: [name: string, entries: Map<SavedEntry['key'], SavedEntry>][] = [];

  constructor(
    relation: Aggregate,
    fields: readonly number[],
    options: Partial<DataflowContext>,
    make: MakeOperator,
    publishes: boolean,
  ) {
    const view = viewOf(relation, fields, options);
    this.#open = () => {
      const context: DataflowContext = {
        lagMs: 0,
        endLagMs: options.lagMs ?? 0,
        allowedLatenessMs: 0,
        isBatch: false,
        view: 'v',
        isFinalOnly: false,
        sourceFields: new Map(),
        late: () => {},
        budget: { bytesMax: 1e9, bytes: 0, hasRoom: () => true },
        ...options,
      };
      const emitter = new Emitter(view, context.budget);
      const output: OperatorScope['output'] = ({ rows, weights, stamps }) =>
        emitter.take({ rows: rows.map((row) => fields.map((place) => row[place]!)), weights, stamps });
      this.operator = make({ context, path: '0', output });
      this.publisher = publishes ? this.operator.publisher!(view, fields)! : emitter;
    };
    this.#open();
  }

  get #tables(): StateStore[] {
    return [...this.operator.tables, ...this.publisher.tables];
  }

  publish(now: number): string[] {
    this.operator.flush();
    const published = publishedRows(this.publisher.publish(now));
    for (const table of this.#tables) table.count();
    return published.map((row) => JSON.stringify(row, textOf)).toSorted();
  }

  capture(): void {
    this.#tables.forEach((table, i) => {
      const [, entries] = (this.#saved[i] ??= [table.name, new Map()]);
      for (const entry of captureOf(table)) entries.set(entry.key, entry);
    });
  }

  restore(): void {
    this.capture();
    this.#open();
    this.#tables.forEach((table, i) => {
      expect(table.name).toBe(this.#saved[i]![0]);
      for (const { bytes, key } of this.#saved[i]![1].values()) table.load(key, bytes);
    });
    this.operator.restored();
    this.publisher.restored();
    for (const table of this.#tables) table.count();
  }
}
