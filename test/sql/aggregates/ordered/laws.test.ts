/** What every ordered function's state keeps to: copies are independent, and bytes are enough to go on. */
import { describe, expect, test } from 'vitest';
import type { OrderedDefinition } from '../../../../src/sql/aggregates/definition.js';
import { orderedTable } from '../../../../src/sql/aggregates/index.js';
import type { SqlType } from '../../../../src/sql/plan.js';
import type { Value } from '../../../../src/sql/value.js';
import { ByteReader, ByteWriter } from '../../../../src/util/bytes.js';
import { randomOf } from '../../oracle-rows.js';

const MINUTE = { months: 0, days: 0, ms: 60_000 };
const BY_TYPE: Partial<Record<SqlType, Value>> = {
  'double precision': 0.2,
  integer: 5,
  bigint: 3,
  interval: MINUTE,
  text: 'shingle 3, trees 10, sample 32',
};
/** Overloads that are tried: those of forests have up to 16 features, of which three will do. */
const definitions = orderedTable.all().filter(({ params }) => params.length <= 3);

function rowsOf({ params, constants = 0 }: OrderedDefinition, count: number): { args: Value[]; timeMs: number }[] {
  const random = randomOf(9);
  let timeMs = 1_760_000_000_000;
  return Array.from({ length: count }, () => {
    timeMs += Math.floor(random() * 40_000);
    const args = params.map((type, i): Value => {
      if (i >= params.length - constants) return BY_TYPE[type as SqlType]!;
      return random() < 0.05 ? null : random() < 0.03 ? NaN : random() * 10;
    });
    return { args, timeMs };
  });
}

describe.each(definitions.map((each) => [`${each.name}(${each.params.join(', ')})`, each] as const))(
  '%s',
  (_, each) => {
    const { params, constants = 0 } = each;
    const types = params as readonly SqlType[];
    const fixed = types.slice(types.length - constants).map((type) => BY_TYPE[type]!);
    const made = each.create(types, fixed);
    const rows = rowsOf(each, 300);
    const step = (state: unknown, from: number, to: number): Value[] =>
      rows.slice(from, to).map(({ args, timeMs }) => made.step(state, args, timeMs));

    test.each([0, 1, 7, 40, 200])('goes on the same from a copy and from bytes, after %d rows', (cut) => {
      const whole = step(made.create(), 0, rows.length);
      const state = made.create();
      step(state, 0, cut);
      const writer = new ByteWriter();
      made.write(state, writer);
      const reader = new ByteReader(writer.copy());
      const restored = made.read(reader);
      expect(reader.position).toBe(reader.end);
      const copy = made.copy(state);
      expect(step(copy, cut, rows.length)).toEqual(whole.slice(cut));
      expect(step(restored, cut, rows.length)).toEqual(whole.slice(cut));
      expect(step(state, cut, rows.length)).toEqual(whole.slice(cut));
      expect(made.bytes(state)).toBeGreaterThan(0);
      expect(whole.some((value) => value !== null)).toBe(true);
    });
  },
);
