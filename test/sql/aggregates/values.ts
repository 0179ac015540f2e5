/** Random values of every type, the same each run of a seed, and how they are written in SQL. */
import { Decimal } from '../../../src/sql/decimal.js';
import { functionTable } from '../../../src/sql/functions/index.js';
import type { SqlType } from '../../../src/sql/plan.js';
import { isArray, itemOf } from '../../../src/sql/types.js';
import type { Item, Value } from '../../../src/sql/value.js';

/** A source of numbers from 0 to 1. */
export type Random = () => number;

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const whole = (random: Random, size: number): number => Math.floor((random() - 0.5) * 2 * size);

const WORDS = ['', 'a', 'b', 'ab', 'Ä', 'é', '日本', 'x"y', "it's", '\\n', '😀', 'z'];
const T0 = 1_760_000_000_000;

/** One value of a type, not NULL. One in eight is an extreme. */
export function randomValue(type: SqlType, random: Random): NonNullable<Value> {
  if (isArray(type)) {
    const item = itemOf(type);
    return Array.from({ length: Math.floor(random() * 3) }, () =>
      random() < 0.2 ? null : (randomValue(item, random) as Item),
    );
  }
  const isExtreme = random() < 0.125;
  switch (type) {
    case 'smallint':
      return isExtreme ? pick(random, [32767, -32768, 0]) : whole(random, 50);
    case 'boolean':
      return random() < 0.7;
    case 'integer':
      return isExtreme ? pick(random, [2147483647, -2147483648, 0]) : whole(random, 50);
    case 'bigint':
      return isExtreme ? pick(random, [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 0]) : whole(random, 1e6);
    case 'numeric':
      return randomDecimal(random, isExtreme);
    case 'real':
      return Math.fround(whole(random, 1e4) / 64);
    case 'double precision':
      return isExtreme ? pick(random, [1e100, -1e100, 5e-324, 1e15, 0.1]) : whole(random, 1e4) / 64 + random();
    case 'timestamptz':
    case 'timestamp':
      return T0 + whole(random, 1e9) + (isExtreme ? 0.5 : 0);
    case 'time':
      return isExtreme ? pick(random, [0, 86_400_000]) : Math.floor(random() * 86_400) * 1000 + 0.25;
    case 'date':
      return 20_000 + whole(random, 300);
    case 'interval':
      return { months: whole(random, 30), days: whole(random, 60), ms: whole(random, 1e8) };
    case 'uuid':
      return `00000000-0000-4000-8000-00000000000${Math.floor(random() * 10)}`;
    case 'json':
      return pick(random, ['{"a":1}', '[1, 2]', '"x"', 'null', '3.50']);
    case 'jsonb':
      return pick(random, ['{"a": 1}', '[1, 2]', '"x"', 'null', '3.50', '3.5']);
    case 'bytea':
      return Uint8Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * 256));
    default:
      return pick(random, WORDS);
  }
}

function randomDecimal(random: Random, isExtreme: boolean): Decimal {
  if (isExtreme) return pick(random, [new Decimal(10n ** 30n + 7n, 3), new Decimal(1n, 12), new Decimal(0n, 2)]);
  return new Decimal(BigInt(whole(random, 1e6)), Math.floor(random() * 5));
}

/** A value as PostgreSQL prints it. */
export function textOfValue(value: Value, type: SqlType): string | null {
  if (value === null || typeof value === 'string') return value;
  return functionTable.castOf(type, 'text')!.evaluate(value as never) as string;
}

/** A value as an SQL expression. */
export function literal(value: Value, type: SqlType): string {
  const text = textOfValue(value, type);
  return text === null ? `NULL::${type}` : `'${text.replaceAll("'", "''")}'::${type}`;
}
