// Numbers: exact, by digits.
import { NUMBER_DIGITS, NUMBER_FLAGS, NUMBER_FRACTION } from '../../src/collect/decode/memory-map';
import { S } from './text';

const POWERS: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
  1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
  1000000000000000000, 10000000000000000000,
]);
const NEGATIVE: u32 = 1;
const EXPONENT: u32 = 2;
const OVERFLOW: u32 = 4;
const DECIMAL_MAX: u64 = 999999999999999999;
const TIME_MAX: u64 = 8640000000000000;

// @ts-ignore: decorator
@external("env", "parseDouble")
declare function parseDouble(at: usize, length: u32): f64;

/** Eight ASCII digits at `at` as a number, or -1. */
@inline function eightDigits(at: usize): i64 {
  const x = load<u64>(at);
  if ((x & 0xf0f0f0f0f0f0f0f0) != 0x3030303030303030) return -1;
  if (((x + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0) != 0x3030303030303030) return -1;
  let v = (x & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
  v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
  return <i64>((v & 0x0000ffff0000ffff) * 42949672960001 >> 32);
}

/** Reads a JSON number; answers what follows, 0 when it is none. Its parts go to the state. */
export function scanNumber(p: usize): usize {
  let flags: u32 = 0;
  if (load<u8>(p) == 45) {
    flags = NEGATIVE;
    p++;
  }
  const start = p;
  let digits: u64 = 0;
  let d: u32 = <u32>load<u8>(p) - 48;
  if (d == 0) {
    p++;
    if (<u32>load<u8>(p) - 48 < 10) return 0;
  } else {
    if (d > 9) return 0;
    const eight = eightDigits(p);
    if (eight >= 0) {
      digits = <u64>eight;
      p += 8;
      d = <u32>load<u8>(p) - 48;
    }
    while (d < 10) {
      digits = digits * 10 + d;
      p++;
      d = <u32>load<u8>(p) - 48;
    }
  }
  let count = <u32>(p - start);
  let fraction: u32 = 0;
  if (load<u8>(p) == 46) {
    p++;
    const from = p;
    d = <u32>load<u8>(p) - 48;
    while (d < 10) {
      digits = digits * 10 + d;
      p++;
      d = <u32>load<u8>(p) - 48;
    }
    fraction = <u32>(p - from);
    if (fraction == 0) return 0;
    count += fraction;
  }
  if (count > 19) flags |= OVERFLOW;
  if ((load<u8>(p) | 32) == 101) {
    flags |= EXPONENT;
    p++;
    const sign: u32 = load<u8>(p);
    if (sign == 43 || sign == 45) p++;
    if (<u32>load<u8>(p) - 48 > 9) return 0;
    while (<u32>load<u8>(p) - 48 < 10) p++;
  }
  store<u64>(S, digits, NUMBER_DIGITS);
  store<u32>(S, fraction, NUMBER_FRACTION);
  store<u32>(S, flags, NUMBER_FLAGS);
  return p;
}

/** The number last read, as an integer at `to`; false when it has a fraction or is too large. */
export function putInteger(to: usize, time: bool): bool {
  const flags = load<u32>(S, NUMBER_FLAGS);
  const fraction = load<u32>(S, NUMBER_FRACTION);
  let digits = load<u64>(S, NUMBER_DIGITS);
  if (flags & (EXPONENT | OVERFLOW)) return false;
  if (fraction != 0) {
    const power = load<u64>(POWERS + (<usize>fraction << 3));
    if (digits % power != 0) return false;
    digits /= power;
  }
  const limit: u64 = time ? TIME_MAX : flags & NEGATIVE ? <u64>1 << 63 : ((<u64>1 << 63) - 1);
  if (digits > limit) return false;
  store<i64>(to, flags & NEGATIVE ? -(<i64>digits) : <i64>digits);
  return true;
}

/** The number last read, in millionths at `to`; false when digits would be lost or it is too large. */
export function putDecimal(to: usize): bool {
  const flags = load<u32>(S, NUMBER_FLAGS);
  const fraction = load<u32>(S, NUMBER_FRACTION);
  let digits = load<u64>(S, NUMBER_DIGITS);
  if (flags & (EXPONENT | OVERFLOW)) return false;
  if (fraction <= 6) {
    const power = load<u64>(POWERS + (<usize>(6 - fraction) << 3));
    if (digits > DECIMAL_MAX / 1000000 && digits > DECIMAL_MAX / power) return false;
    digits *= power;
  } else {
    const power = load<u64>(POWERS + (<usize>(fraction - 6) << 3));
    if (digits % power != 0) return false;
    digits /= power;
    if (digits > DECIMAL_MAX) return false;
  }
  store<i64>(to, flags & NEGATIVE ? -(<i64>digits) : <i64>digits);
  return true;
}

/** The number last read, whose text is [at, end), as a double at `to`; false when it is too large for one. */
export function putDouble(to: usize, at: usize, end: usize): bool {
  const flags = load<u32>(S, NUMBER_FLAGS);
  const fraction = load<u32>(S, NUMBER_FRACTION);
  const digits = load<u64>(S, NUMBER_DIGITS);
  let value: f64;
  // Clinger: exact when digits and power of ten are both exact doubles, rounded once by the division.
  if ((flags & (EXPONENT | OVERFLOW)) == 0 && digits <= <u64>1 << 53) {
    value = <f64>digits;
    if (fraction != 0) value /= <f64>load<u64>(POWERS + (<usize>fraction << 3));
    if (flags & NEGATIVE) value = -value;
  } else {
    value = parseDouble(at, <u32>(end - at));
    if (!isFinite(value)) return false;
  }
  store<f64>(to, value);
  return true;
}
