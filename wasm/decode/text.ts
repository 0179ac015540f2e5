// Strings: finding their end, UTF-8, escapes, hashes.
import {
  SCRATCH, SEED, SLOW, STATE_BYTES, TEXT_AT, TEXT_LENGTH,
} from '../../src/collect/decode/memory-map';

/** Address of the state structure. */
export const S: usize = memory.data(STATE_BYTES, 16);

const K1: u64 = 0x9e3779b97f4a7c15;
const K2: u64 = 0xd6e8feb86659fd93;

/** One step of the hash. */
@inline export function mix(h: u64, x: u64): u64 {
  h = (h ^ x) * K1;
  return h ^ (h >> 32);
}

/** A seeded hash of `length` bytes; may read up to 8 bytes past them. */
export function hash(at: usize, length: u32): u32 {
  let h = load<u64>(S, SEED) ^ length;
  let i: u32 = 0;
  for (; i + 8 <= length; i += 8) h = mix(h, load<u64>(at + i));
  if (i < length) h = mix(h, load<u64>(at + i) & (((<u64>1) << ((<u64>(length - i)) << 3)) - 1));
  h *= K2;
  return <u32>(h ^ (h >> 29));
}

/** Whether two runs of `length` bytes are equal; may read up to 8 bytes past them. */
@inline export function equal(a: usize, b: usize, length: u32): bool {
  let i: u32 = 0;
  for (; i + 8 <= length; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  return i == length || ((load<u64>(a + i) ^ load<u64>(b + i)) << ((<u64>(8 - (length - i))) << 3)) == 0;
}

@inline function continuation(c: u32): bool {
  return (c & 0xc0) == 0x80;
}

/** Whether [at, end) is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function validUtf8(at: usize, end: usize): bool {
  while (at < end) {
    const c: u32 = load<u8>(at);
    if (c < 0x80) {
      at++;
    } else if (c < 0xe0) {
      if (c < 0xc2 || at + 2 > end || !continuation(load<u8>(at, 1))) return false;
      at += 2;
    } else if (c < 0xf0) {
      if (at + 3 > end) return false;
      const d: u32 = load<u8>(at, 1);
      if (!continuation(d) || !continuation(load<u8>(at, 2))) return false;
      if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f)) return false;
      at += 3;
    } else {
      if (c > 0xf4 || at + 4 > end) return false;
      const d: u32 = load<u8>(at, 1);
      if (!continuation(d) || !continuation(load<u8>(at, 2)) || !continuation(load<u8>(at, 3))) return false;
      if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f)) return false;
      at += 4;
    }
  }
  return true;
}

/** From inside a string to the quote, backslash or control byte that ends the plain run; 0 when it is not UTF-8. */
@inline export function scanText(at: usize): usize {
  const quote = i8x16.splat(34), backslash = i8x16.splat(92), blank = i8x16.splat(32);
  let p = at;
  let high: i32 = 0;
  for (;;) {
    const v = v128.load(p);
    const special = i8x16.bitmask(v128.or(v128.or(i8x16.eq(v, quote), i8x16.eq(v, backslash)), i8x16.lt_u(v, blank)));
    const bits = i8x16.bitmask(v);
    if (special) {
      const n = ctz(special);
      high |= bits & ((1 << n) - 1);
      p += n;
      break;
    }
    high |= bits;
    p += 16;
  }
  if (high != 0 && !validUtf8(at, p)) return 0;
  return p;
}

/** Copies `length` bytes; may write up to 15 bytes past them. */
@inline export function copyOver(to: usize, from: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

/** Reads the string whose opening quote is at `p`; TEXT_AT and TEXT_LENGTH get its bytes. Answers what follows, 0 when refused. */
@inline export function readText(p: usize): usize {
  const at = p + 1;
  const end = scanText(at);
  if (load<u8>(end) == 34 && end != 0) {
    store<u32>(S, <u32>at, TEXT_AT);
    store<u32>(S, <u32>(end - at), TEXT_LENGTH);
    return end + 1;
  }
  if (end == 0 || load<u8>(end) != 92) return 0;
  return unescape(at, end);
}

/** `end` is the first backslash of the string that starts at `at`. Writes to the scratch region. */
function unescape(at: usize, end: usize): usize {
  const from: usize = load<u32>(S, SCRATCH);
  let to = from;
  store<u32>(S, 1, SLOW);
  for (;;) {
    const length = <u32>(end - at);
    copyOver(to, at, length);
    to += length;
    const c: u32 = load<u8>(end);
    if (c == 34) break;
    if (c != 92) return 0;
    const e: u32 = load<u8>(end, 1);
    at = end + 2;
    if (e == 117) {
      const unit = hex4(at);
      if (unit < 0) return 0;
      at += 4;
      let point = <u32>unit;
      if ((point & 0xf800) == 0xd800) {
        const low = point < 0xdc00 && load<u16>(at) == 0x755c ? hex4(at + 2) : -1;
        if (low >= 0xdc00 && low < 0xe000) {
          point = 0x10000 + ((point - 0xd800) << 10) + (<u32>low - 0xdc00);
          at += 6;
        } else {
          point = 0xfffd;
        }
      }
      to = putPoint(to, point);
    } else {
      const byte = unescaped(e);
      if (byte == 0) return 0;
      store<u8>(to++, <u8>byte);
    }
    end = scanText(at);
    if (end == 0) return 0;
  }
  store<u64>(to, 0);
  store<u32>(S, <u32>from, TEXT_AT);
  store<u32>(S, <u32>(to - from), TEXT_LENGTH);
  store<u32>(S, <u32>(to + 1), SCRATCH);
  return end + 1;
}

function unescaped(e: u32): u32 {
  switch (e) {
    case 34: case 92: case 47: return e;
    case 98: return 8;
    case 102: return 12;
    case 110: return 10;
    case 114: return 13;
    case 116: return 9;
  }
  return 0;
}

function hex4(at: usize): i32 {
  let value: i32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const c: u32 = load<u8>(at + i);
    const digit: u32 = c - 48 < 10 ? c - 48 : (c | 32) - 97 < 6 ? (c | 32) - 87 : 16;
    if (digit == 16) return -1;
    value = (value << 4) | <i32>digit;
  }
  return value;
}

function putPoint(to: usize, point: u32): usize {
  if (point < 0x80) {
    store<u8>(to, <u8>point);
    return to + 1;
  }
  if (point < 0x800) {
    store<u8>(to, <u8>(0xc0 | (point >> 6)));
    store<u8>(to, <u8>(0x80 | (point & 63)), 1);
    return to + 2;
  }
  if (point < 0x10000) {
    store<u8>(to, <u8>(0xe0 | (point >> 12)));
    store<u8>(to, <u8>(0x80 | ((point >> 6) & 63)), 1);
    store<u8>(to, <u8>(0x80 | (point & 63)), 2);
    return to + 3;
  }
  store<u8>(to, <u8>(0xf0 | (point >> 18)));
  store<u8>(to, <u8>(0x80 | ((point >> 12) & 63)), 1);
  store<u8>(to, <u8>(0x80 | ((point >> 6) & 63)), 2);
  store<u8>(to, <u8>(0x80 | (point & 63)), 3);
  return to + 4;
}
