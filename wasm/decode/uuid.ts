// UUIDs: 36 characters to 16 bytes, all lanes at once.

/** Values of 16 hex digits, one a lane; `valid` lanes are ANDed into the answer by the caller. */
@inline function nibbles(v: v128): v128 {
  const digit = i8x16.sub(v, i8x16.splat(48));
  const letter = i8x16.sub(v128.or(v, i8x16.splat(32)), i8x16.splat(97));
  const isDigit = i8x16.lt_u(digit, i8x16.splat(10));
  const isLetter = i8x16.lt_u(letter, i8x16.splat(6));
  const value = v128.bitselect(digit, i8x16.add(letter, i8x16.splat(10)), isDigit);
  // A lane that is no hex digit becomes 0xff, which no nibble is.
  return v128.or(value, v128.not(v128.or(isDigit, isLetter)));
}

/** Two nibbles a 16-bit lane, first the high one, to a byte a lane. */
@inline function joined(v: v128): v128 {
  return v128.and(v128.or(i16x8.shl(v, 4), i16x8.shr_u(v, 8)), i16x8.splat(255));
}

/** Parses the 36 characters at `at` to 16 bytes at `to`; false when they are not a uuid. */
export function putUuid(to: usize, at: usize): bool {
  if (load<u8>(at, 8) != 45 || load<u8>(at, 13) != 45 || load<u8>(at, 18) != 45 || load<u8>(at, 23) != 45) return false;
  const a = nibbles(i8x16.shuffle(v128.load(at), v128.load(at, 2), 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 30, 31));
  const b = nibbles(i8x16.shuffle(v128.load(at, 19), v128.load(at, 20), 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 31));
  if (i8x16.bitmask(v128.or(a, b)) != 0) return false;
  v128.store(to, i8x16.narrow_i16x8_u(joined(a), joined(b)));
  return true;
}
