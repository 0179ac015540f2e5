/**
 * Sums of 64-bit integers, exact in any order, as two doubles: `high * 2^52 + low`.
 *
 * `low` stays within ±2^52, so adding one value of magnitude up to 2^52 is exact in a double; what
 * overflows moves to `high`, which is exact up to 2^53. Together 105 bits: 2^42 rows of the largest
 * int64. The pair is not unique (1, -1 equals 0, 2^52 - 1): compare with `sameSum`.
 */

/** One unit of `high`. */
export const SUM_UNIT = 2 ** 52;
const UNIT_BIG = 1n << 52n;

/** Moves what exceeds a unit from `total` to `cells[high]`; answers the rest for `low`. */
export function spill(cells: Float64Array, high: number, total: number): number {
  const units = Math.trunc(total / SUM_UNIT);
  cells[high] = cells[high]! + units;
  return total - units * SUM_UNIT;
}

/** Adds a 64-bit integer, given as signed high and unsigned low word, to the sum at `high`, `high + 1`. */
export function addWide(cells: Float64Array, high: number, highWord: number, lowWord: number): void {
  const units = Math.floor(highWord / 1_048_576);
  cells[high] = cells[high]! + units;
  addLow(cells, high, (highWord - units * 1_048_576) * 4_294_967_296 + lowWord);
}

/** Adds an integer of up to 105 bits. */
export function addBig(cells: Float64Array, high: number, value: bigint): void {
  const units = value / UNIT_BIG;
  cells[high] = cells[high]! + Number(units);
  addLow(cells, high, Number(value - units * UNIT_BIG));
}

/** Adds another sum. */
export function addSum(cells: Float64Array, high: number, otherHigh: number, otherLow: number): void {
  cells[high] = cells[high]! + otherHigh;
  addLow(cells, high, otherLow);
}

function addLow(cells: Float64Array, high: number, value: number): void {
  const total = cells[high + 1]! + value;
  cells[high + 1] = total >= SUM_UNIT || total <= -SUM_UNIT ? spill(cells, high, total) : total;
}

/** The sum as one integer. */
export function sumOf(high: number, low: number): bigint {
  return BigInt(high) * UNIT_BIG + BigInt(low);
}

/** Whether two pairs are the same sum. */
export function sameSum(highA: number, lowA: number, highB: number, lowB: number): boolean {
  return (highA - highB) * SUM_UNIT === lowB - lowA;
}

/** The sum as an integer of units: a number while it is small enough to be doubled exactly. */
export function unitsOf(high: number, low: number): number | bigint {
  if (high === 0) return Math.abs(low) < 2 ** 51 ? low : BigInt(low);
  return sumOf(high, low);
}
