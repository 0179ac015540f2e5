/**
 * The aggregates of a GROUP BY as one generated module: a row's keys and arguments are evaluated first,
 * which may fail; then they are added to a group's states, which may not.
 *
 * `evaluate` leaves what it found in variables of the module, and `add` and `remove` read them there:
 * nothing is made per row. So a module serves one operator, one row at a time.
 */
import { findAggregate } from '../../../sql/aggregates/index.js';
import type { Aggregator } from '../../../sql/aggregates/definition.js';
import { literalValue } from '../../../sql/evaluate.js';
import type { Expression, SqlType } from '../../../sql/plan.js';
import type { AggregateSpec } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { printKey } from '../keys.js';
import type { Row } from '../operator.js';
import { RowSource } from '../row-source.js';
import type { Key } from '../state-table.js';
import { KeptAggregator } from './kept-rows.js';

/** Bytes of an array of states beside them. */
const ARRAY_BYTES = 48;

/** An aggregate that can do what its operator needs. */
export interface Accumulator {
  readonly aggregator: Aggregator<unknown>;
  /** What it is called with. */
  readonly args: readonly Expression[];
  readonly filter: Expression | null;
  /** Rows with a NULL argument are left out. */
  readonly skipsNulls: boolean;
}

/** What an operator asks of its aggregates. */
export interface AccumulatorNeeds {
  readonly removes: boolean;
  readonly merges: boolean;
}

/** The accumulator of a call. Throws where there is no such aggregate. */
export function accumulatorOf(spec: AggregateSpec, needs: AccumulatorNeeds): Accumulator {
  const types = spec.args.map(({ type }) => type);
  const definition = findAggregate(spec.name, types);
  if (definition === undefined) throw new Error(`no aggregate ${spec.name}(${types.join(', ')})`);
  const constants = spec.args.slice(spec.args.length - (definition.constants ?? 0)).map(constantOf);
  const direction = definition.withinGroup === true ? [spec.order[0]?.descending === true] : [];
  const inner = definition.create(types, [...constants, ...direction]);
  const isDistinct = spec.distinct && definition.idempotent !== true;
  const isOrdered = definition.ordered === true;
  const base = { filter: spec.filter, skipsNulls: definition.nulls !== true };
  const isKept =
    isDistinct ||
    isOrdered ||
    (needs.removes && inner.remove === undefined) ||
    (needs.merges && inner.merge === undefined);
  if (!isKept) return { ...base, aggregator: inner, args: spec.args };
  const order = isOrdered ? spec.order : [];
  const args = [...spec.args, ...order.map(({ expression }) => expression)];
  const kept = new KeptAggregator(inner, {
    types: args.map(({ type }) => type),
    width: spec.args.length,
    isDistinct,
    order: order.map((item, i) => {
      const { type } = item.expression;
      return { ...item, expression: { kind: 'column', index: spec.args.length + i, name: '', type, nullable: true } };
    }),
  });
  return { ...base, aggregator: kept as unknown as Aggregator<unknown>, args };
}

function constantOf(expression: Expression): Value {
  if (expression.kind !== 'literal') throw new Error('an argument that must be a constant is none');
  return literalValue(expression.value, expression.type);
}

/** One set of keys to group by. */
export interface KeySet {
  readonly parts: readonly Expression[];
  readonly types: readonly SqlType[];
}

/** What a module is generated from. */
export interface ModuleInput {
  readonly accumulators: readonly Accumulator[];
  /** A key is made for each. */
  readonly keys: readonly KeySet[];
  /** Rows for which one is not true are left out. */
  readonly conditions: readonly Expression[];
  /** Other values that are wanted of a row. */
  readonly extras: readonly Expression[];
}

/** See the head of the file. */
export interface AccumulatorModule {
  /** Whether the row takes part. Throws SQL_RUNTIME. */
  evaluate(row: Row): boolean;
  /** Of the row evaluated last. */
  readonly keys: readonly Key[];
  readonly extras: readonly Value[];
  /** Adds the row evaluated last to the states of a group. */
  add(states: readonly unknown[]): void;
  remove(states: readonly unknown[]): void;
}

/** Generates a module. */
export function accumulatorModule({ accumulators, conditions, extras, keys }: ModuleInput): AccumulatorModule {
  const source = new RowSource();
  const lines: string[] = [];
  for (const condition of conditions) {
    const { prelude, value } = source.print(condition);
    lines.push(prelude, `if (${value} !== true) return false;`);
  }
  for (const [i, { parts, types }] of keys.entries()) {
    const { prelude, value } = printKey(source, parts, types);
    lines.push(prelude, `keys[${i}] = ${value};`);
  }
  for (const [i, extra] of extras.entries()) {
    const { prelude, value } = source.print(extra);
    lines.push(prelude, `extras[${i}] = ${value};`);
  }
  const printed = accumulators.map((accumulator, i) => printAccumulator(source, accumulator, i));
  const body = [
    `const keys = new Array(${keys.length}).fill(0), extras = new Array(${extras.length}).fill(null);`,
    ...printed.map(({ variables }) => variables),
    'const evaluate = (row) => {',
    ...['', ...lines, ...printed.map(({ evaluate }) => evaluate)],
    'return true; };',
    `const add = (states) => { ${printed.map(({ add }) => add).join('\n')} };`,
    `const remove = (states) => { ${printed.map(({ remove }) => remove).join('\n')} };`,
    'return { evaluate, keys, extras, add, remove };',
  ];
  body.splice(body.indexOf('const evaluate = (row) => {') + 1, 1, source.declarations());
  return source.module(body.join('\n'));
}

interface PrintedAccumulator {
  readonly variables: string;
  readonly evaluate: string;
  readonly add: string;
  readonly remove: string;
}

function printAccumulator(source: RowSource, accumulator: Accumulator, i: number): PrintedAccumulator {
  const { aggregator, args, filter, skipsNulls } = accumulator;
  const name = source.bind(aggregator, 'aggregator');
  const values = args.map((arg) => source.print(arg));
  const assign = values.map(({ prelude, value }, k) => `${prelude}a${i}[${k}] = ${value};`).join('\n');
  const taken = skipsNulls ? values.filter(({ isNull }) => isNull !== 'false') : [];
  const isTaken = args.flatMap((_, k) => (taken.includes(values[k]!) ? [`a${i}[${k}] !== null`] : []));
  const isGuarded = filter !== null || isTaken.length > 0;
  const setTaken = isTaken.length > 0 ? `u${i} = ${isTaken.join(' && ')};` : isGuarded ? `u${i} = true;` : '';
  let evaluate = `${assign}\n${setTaken}`;
  if (filter !== null) {
    const { prelude, value } = source.print(filter);
    // A row that the filter leaves out does not have its arguments evaluated, as in PostgreSQL.
    evaluate = `${prelude}if (${value} !== true) u${i} = false; else {\n${evaluate}\n}`;
  }
  const guard = isGuarded ? `if (u${i}) ` : '';
  return {
    variables: `const a${i} = new Array(${args.length}).fill(null); let u${i} = true;`,
    evaluate,
    add: `${guard}${name}.add(states[${i}], a${i});`,
    remove: `${guard}${name}.remove(states[${i}], a${i});`,
  };
}

/** Fresh states of a group. */
export function createStates(accumulators: readonly Accumulator[]): unknown[] {
  return accumulators.map(({ aggregator }) => aggregator.create());
}

/** Adds all of `from` to `into`. */
export function mergeStates(
  accumulators: readonly Accumulator[],
  into: readonly unknown[],
  from: readonly unknown[],
): void {
  for (let i = 0; i < accumulators.length; i++) accumulators[i]!.aggregator.merge!(into[i], from[i]);
}

/** Writes the states of a group. */
export function writeStates(
  accumulators: readonly Accumulator[],
  states: readonly unknown[],
  writer: ByteWriter,
): void {
  for (let i = 0; i < accumulators.length; i++) accumulators[i]!.aggregator.write(states[i], writer);
}

/** Reads what `writeStates` wrote. */
export function readStates(accumulators: readonly Accumulator[], reader: ByteReader): unknown[] {
  return accumulators.map(({ aggregator }) => aggregator.read(reader));
}

/** About how many bytes the states of a group take. */
export function statesBytes(accumulators: readonly Accumulator[], states: readonly unknown[]): number {
  let sum = ARRAY_BYTES;
  for (let i = 0; i < accumulators.length; i++) sum += 8 + accumulators[i]!.aggregator.bytes(states[i]);
  return sum;
}
