/** Columns of integers as fields: bigint, timestamptz, numeric. */
import type { IntegerColumn } from '../../event/columns.js';
import { integerAt, numberAt } from '../../event/integers.js';
import type { ColumnType } from '../../event/schema.js';
import { eachField, type FieldTarget } from './field-target.js';

const WORD = 2 ** 32;
const ONE = 1_000_000;
/** ms since 1970 of PostgreSQL's year zero, 2000. */
const EPOCH_MS = 946_684_800_000;
/** Times up to here, either way from 2000, are exact in doubles as microseconds: about 285 years. */
const NEAR_MS = 9_000_000_000_000;
/** The first microsecond that PostgreSQL has not, and one before all that it has; neither is its infinity. */
const LATE_US = 9_223_371_331_200_000_000n;
const EARLY_US = -(2n ** 63n) + 1n;

/** Writes a column's field of each row. */
export function writeIntegers(column: IntegerColumn, type: ColumnType, target: FieldTarget): void {
  if (type === 'decimal') writeNumerics(column, target);
  else if (type === 'timestamp') writeTimes(column, target);
  else writeBigints(column, target);
}

function writeBigints(column: IntegerColumn, target: FieldTarget): void {
  const { view } = target;
  const { width, base, deltas } = column;
  // Two words a value, which is how a batch has them that was not stored.
  const isWords = width === 8 && base === 0n;
  const isExact = width !== 8 && isSafe(base);
  eachField(column, target, (row, at) => {
    view.setInt32(at, 8);
    if (isWords) {
      view.setUint32(at + 4, deltas[row * 2 + 1]!);
      view.setUint32(at + 8, deltas[row * 2]!);
    } else if (isExact) setInteger(view, at + 4, numberAt(column, row));
    else view.setBigInt64(at + 4, integerAt(column, row));
    return at + 12;
  });
}

function writeTimes(column: IntegerColumn, target: FieldTarget): void {
  const { view } = target;
  eachField(column, target, (row, at) => {
    view.setInt32(at, 8);
    const ms = numberAt(column, row) - EPOCH_MS;
    if (ms > -NEAR_MS && ms < NEAR_MS) setInteger(view, at + 4, ms * 1000);
    else {
      const us = (integerAt(column, row) - BigInt(EPOCH_MS)) * 1000n;
      view.setBigInt64(at + 4, us > LATE_US ? LATE_US : us < EARLY_US ? EARLY_US : us);
    }
    return at + 12;
  });
}

/** Digits of base 10,000: four before the point, two behind it. Leading zeros are allowed. */
function writeNumerics(column: IntegerColumn, target: FieldTarget): void {
  const { view } = target;
  // A base beyond what doubles hold may be off by one, and its sum with a delta within again.
  const isExact = column.width === 8 || isSafe(column.base);
  eachField(column, target, (row, at) => {
    const value = numberAt(column, row);
    view.setInt32(at, 20);
    view.setInt16(at + 4, 6);
    view.setInt16(at + 6, 3);
    view.setInt16(at + 8, value < 0 ? 0x4000 : 0);
    view.setInt16(at + 10, 6);
    let fraction: number;
    let whole: number;
    if (isExact && Number.isSafeInteger(value)) {
      const size = Math.abs(value);
      fraction = size % ONE;
      whole = (size - fraction) / ONE;
    } else {
      const exact = integerAt(column, row);
      const size = exact < 0n ? -exact : exact;
      fraction = Number(size % BigInt(ONE));
      whole = Number(size / BigInt(ONE));
    }
    for (let digit = at + 18; digit >= at + 12; digit -= 2) {
      view.setInt16(digit, whole % 10_000);
      whole = Math.floor(whole / 10_000);
    }
    view.setInt16(at + 20, Math.floor(fraction / 100));
    view.setInt16(at + 22, (fraction % 100) * 100);
    return at + 24;
  });
}

/** A safe integer as 64 bits. */
function setInteger(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / WORD);
  view.setInt32(at, high);
  view.setUint32(at + 4, value - high * WORD);
}

function isSafe(base: bigint): boolean {
  return base > BigInt(Number.MIN_SAFE_INTEGER) && base < BigInt(Number.MAX_SAFE_INTEGER - WORD);
}
