/**
 * Arithmetic with PostgreSQL's meaning where DuckDB's differs: integer division cuts off, a zero
 * divisor is an error, and numeric stays exact instead of becoming double.
 */
import { once } from './literals.js';
import { SCALE_MAX, duckType, numericOf, type Type } from './types.js';

/** What a division by zero throws; the engine looks for it. */
export const DIVISION_BY_ZERO = 'division by zero';

/** Most digits after the point that a product keeps. */
const PRODUCT_SCALE_MAX = 20;

function nonZero(divisor: string): string {
  return once([divisor], (d) => `CASE WHEN ${d} = 0 THEN error('${DIVISION_BY_ZERO}') ELSE ${d} END`);
}

/** `a / b` of two integers: cut towards zero. */
export function divideIntegers(a: string, b: string): string {
  return `(${a} // ${nonZero(b)})`;
}

/** `a / b` of two doubles. */
export function divideDoubles(a: string, b: string): string {
  return `(${a} / ${nonZero(b)})`;
}

/** `a % b`: the sign of `a`, as in PostgreSQL. */
export function remainder(a: string, b: string): string {
  return `(${a} % ${nonZero(b)})`;
}

/** The type of `a / b` of two numerics: always `SCALE_MAX` digits. */
export const QUOTIENT = numericOf(SCALE_MAX);

/** `a / b` of two numerics, rounded half away from zero at `SCALE_MAX` digits, computed in 128-bit integers. */
export function divideNumerics(
  a: string,
  b: string,
  scaleA: number,
  scaleB: number,
  onZero = `error('${DIVISION_BY_ZERO}')`,
): string {
  const shift = SCALE_MAX - scaleA + scaleB;
  const numerator = `${unscaled(a, scaleA)} * ${powerOfTen(Math.max(0, shift))}`;
  const denominator = `${unscaled(b, scaleB)} * ${powerOfTen(Math.max(0, -shift))}`;
  const quotient = once(
    [numerator, denominator],
    (n, d) =>
      `CASE WHEN ${d} = 0 THEN ${onZero} ELSE ((abs(${n}) * 2 + abs(${d})) // (abs(${d}) * 2)) * (sign(${n}) * sign(${d})) END`,
  );
  return scaled(quotient, SCALE_MAX);
}

/** A numeric with room for 38 digits: DuckDB computes in the width of what it is given, and overflows. */
export function wide(value: string, type: Type): string {
  return `CAST(${value} AS ${duckType(type)})`;
}

/** The type of `a * b` of two numerics. */
export function productType(a: Type, b: Type): Type {
  return numericOf(Math.min(PRODUCT_SCALE_MAX, a.scale + b.scale));
}

/** `a * b` of two numerics. */
export function multiplyNumerics(a: string, b: string, typeA: Type, typeB: Type): string {
  const product = `(${wide(a, typeA)} * ${wide(b, typeB)})`;
  return typeA.scale + typeB.scale > PRODUCT_SCALE_MAX
    ? `CAST(${product} AS ${duckType(productType(typeA, typeB))})`
    : product;
}

/** `avg` of integers or numerics, exact: PostgreSQL answers numeric, DuckDB double. */
export function averageOf(sum: string, count: string, scale: number): string {
  return divideNumerics(sum, count, scale, 0, 'NULL');
}

/** A decimal as the integer of its smallest unit. */
function unscaled(value: string, scale: number): string {
  // A count or a sum of integers is no decimal yet; as HUGEINT it needs no detour.
  if (scale === 0) return `CAST(${value} AS HUGEINT)`;
  return `CAST((CAST(${value} AS DECIMAL(38,${scale})) * CAST('1${'0'.repeat(scale)}' AS DECIMAL(38,0))) AS HUGEINT)`;
}

function scaled(integer: string, scale: number): string {
  const unit = scale === 0 ? '1' : `0.${'0'.repeat(scale - 1)}1`;
  return `(CAST(${integer} AS DECIMAL(38,0)) * CAST('${unit}' AS DECIMAL(38,${scale})))`;
}

function powerOfTen(digits: number): string {
  return `CAST('1${'0'.repeat(digits)}' AS HUGEINT)`;
}
