/** `bool_and`, `bool_or`, `every`; `bit_and`, `bit_or`, `bit_xor`. */
import { intOf } from '../value.js';
import type { Int, Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { writeInteger } from './values.js';

interface Truths {
  yes: number;
  no: number;
}

function truths(result: (state: Truths) => boolean): Aggregator<Truths> {
  const change = (state: Truths, value: Value, by: number): void => {
    if (value === true) state.yes += by;
    else state.no += by;
  };
  return {
    create: () => ({ yes: 0, no: 0 }),
    add: (state, args) => change(state, args[0]!, 1),
    remove: (state, args) => change(state, args[0]!, -1),
    merge: (into, from) => {
      into.yes += from.yes;
      into.no += from.no;
    },
    value: (state) => (state.yes + state.no === 0 ? null : result(state)),
    bytes: () => 32,
    write: ({ yes, no }, writer) => {
      writer.unsigned(yes);
      writer.unsigned(no);
    },
    read: (reader) => ({ yes: reader.unsigned(), no: reader.unsigned() }),
  };
}

const all = truths(({ no }) => no === 0);
const any = truths(({ yes }) => yes > 0);

interface Bits {
  rows: number;
  /** As a signed integer of any size. */
  bits: bigint;
}

type Combine = (a: bigint, b: bigint) => bigint;

function bits(combine: Combine): Aggregator<Bits> {
  const take = (state: Bits, value: bigint, rows: number): void => {
    state.bits = state.rows === 0 ? value : combine(state.bits, value);
    state.rows += rows;
  };
  return {
    create: () => ({ rows: 0, bits: 0n }),
    add: (state, args) => take(state, BigInt(args[0] as Int), 1),
    merge: (into, from) => {
      if (from.rows > 0) take(into, from.bits, from.rows);
    },
    value: (state) => (state.rows === 0 ? null : intOf(state.bits)),
    bytes: () => 48,
    write: (state, writer) => {
      writer.unsigned(state.rows);
      writeInteger(state.bits, writer);
    },
    read: (reader) => ({ rows: reader.unsigned(), bits: reader.integer() }),
  };
}

const exclusive: Aggregator<Bits> = {
  ...bits((a, b) => a ^ b),
  remove: (state, args) => {
    state.bits ^= BigInt(args[0] as Int);
    state.rows--;
  },
};

const WHOLE = ['smallint', 'integer', 'bigint'] as const;
const BITS = [
  ['bit_and', bits((a, b) => a & b), 'Bits that every value has.', true],
  ['bit_or', bits((a, b) => a | b), 'Bits that any value has.', true],
  ['bit_xor', exclusive, 'Bits that an odd number of values have.', false],
] as const;

/** Aggregates of truth values and of bits. */
export const booleanAggregates: readonly AggregateDefinition[] = [
  ...(['bool_and', 'every'] as const).map((name) =>
    aggregate({
      name,
      params: ['boolean'],
      result: 'boolean',
      idempotent: true,
      help: 'Whether all values are true.',
      create: () => all,
    }),
  ),
  aggregate({
    name: 'bool_or',
    params: ['boolean'],
    result: 'boolean',
    idempotent: true,
    help: 'Whether any value is true.',
    create: () => any,
  }),
  ...BITS.flatMap(([name, aggregator, help, idempotent]) =>
    WHOLE.map((type) => aggregate({ name, params: [type], result: type, idempotent, help, create: () => aggregator })),
  ),
];
