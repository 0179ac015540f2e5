// Any JSON value: checked, passed over, compacted.
import {
  DEPTH_MAX, HASHES_MAX, LINE_BREAK, SCRATCH, SPACED, TEXT_AT, TEXT_LENGTH,
} from '../../src/collect/decode/memory-map';
import { scanNumber } from './number';
import { S, hash, scanText } from './text';

const NEST: usize = memory.data(512, 16);
const KEYS: usize = memory.data(1024, 16);

/** Passes blanks: space, tab, carriage return, and line feed where the input allows it. */
@inline export function blanks(p: usize): usize {
  const lineBreak = load<u32>(S, LINE_BREAK);
  let c: u32 = load<u8>(p);
  while (c == 32 || c == 9 || c == 13 || c == lineBreak) c = load<u8>(++p);
  return p;
}

@inline function spaces(p: usize): usize {
  const q = blanks(p);
  if (q != p) store<u32>(S, 1, SPACED);
  return q;
}

/** After a string that starts at `p`, escapes only passed over; 0 when it is malformed. */
function skipText(p: usize): usize {
  let q = scanText(p + 1);
  while (q != 0) {
    const c: u32 = load<u8>(q);
    if (c == 34) return q + 1;
    if (c != 92) return 0;
    const e: u32 = load<u8>(q, 1);
    if (e == 117) {
      for (let i: usize = 2; i < 6; i++) {
        const d: u32 = load<u8>(q + i);
        if (d - 48 > 9 && (d | 32) - 97 > 5) return 0;
      }
      q += 6;
    } else {
      if (e != 34 && e != 92 && e != 47 && e != 98 && e != 102 && e != 110 && e != 114 && e != 116) return 0;
      q += 2;
    }
    q = scanText(q);
  }
  return 0;
}

let keyCount: u32 = 0;

/** A key and its colon; 0 when it is malformed, has escapes, or is there already since `base`. */
function skipKey(p: usize, base: u32): usize {
  if (load<u8>(p) != 34) return 0;
  const end = scanText(p + 1);
  if (end == 0 || load<u8>(end) != 34 || keyCount == HASHES_MAX) return 0;
  const h = hash(p + 1, <u32>(end - p - 1));
  for (let i = base; i < keyCount; i++) if (load<u32>(KEYS + (<usize>i << 2)) == h) return 0;
  store<u32>(KEYS + (<usize>keyCount << 2), h);
  keyCount++;
  p = spaces(end + 1);
  return load<u8>(p) == 58 ? p + 1 : 0;
}

/** Passes `true`, `false` or `null`; 0 when it is none. */
@inline export function skipLiteral(p: usize): usize {
  const word = load<u32>(p);
  if (word == 0x65757274 || word == 0x6c6c756e) return p + 4;
  return word == 0x736c6166 && load<u8>(p, 4) == 101 ? p + 5 : 0;
}

/** Passes one JSON value; 0 when it is malformed or a case for the last resort. Sets SPACED when blanks lie inside. */
export function skipJson(p: usize): usize {
  let depth: u32 = 0;
  keyCount = 0;
  for (;;) {
    p = spaces(p);
    const c: u32 = load<u8>(p);
    if (c == 123 || c == 91) {
      if (depth == DEPTH_MAX) return 0;
      p = spaces(p + 1);
      if (load<u8>(p) == c + 2) {
        p++;
      } else {
        const nest = NEST + (<usize>depth << 3);
        store<u32>(nest, c);
        store<u32>(nest, keyCount, 4);
        depth++;
        if (c == 123) p = skipKey(p, keyCount);
        if (p == 0) return 0;
        continue;
      }
    } else {
      p = c == 34 ? skipText(p) : c - 48 < 10 || c == 45 ? scanNumber(p) : skipLiteral(p);
      if (p == 0) return 0;
    }
    for (;;) {
      if (depth == 0) return p;
      const nest = NEST + (<usize>(depth - 1) << 3);
      const kind = load<u32>(nest);
      p = spaces(p);
      const d: u32 = load<u8>(p);
      if (d == 44) {
        p++;
        if (kind == 123) p = skipKey(spaces(p), load<u32>(nest, 4));
        if (p == 0) return 0;
        break;
      }
      if (d != kind + 2) return 0;
      keyCount = load<u32>(nest, 4);
      depth--;
      p++;
    }
  }
  return 0;
}

/** Passes one JSON value; TEXT_AT and TEXT_LENGTH get its compact text. 0 as for `skipJson`. */
export function readJson(p: usize): usize {
  store<u32>(S, 0, SPACED);
  const end = skipJson(p);
  if (end == 0) return 0;
  store<u32>(S, <u32>p, TEXT_AT);
  store<u32>(S, <u32>(end - p), TEXT_LENGTH);
  if (load<u32>(S, SPACED)) compact(p, end);
  return end;
}

/** Copies [p, end), a valid value, to the scratch region without the blanks between tokens. */
function compact(p: usize, end: usize): void {
  const from: usize = load<u32>(S, SCRATCH);
  let to = from;
  let inside = false;
  while (p < end) {
    const c: u32 = load<u8>(p++);
    if (!inside && (c == 32 || c == 9 || c == 10 || c == 13)) continue;
    store<u8>(to++, <u8>c);
    if (c == 34) inside = !inside;
    else if (c == 92) store<u8>(to++, load<u8>(p++));
  }
  store<u32>(S, <u32>from, TEXT_AT);
  store<u32>(S, <u32>(to - from), TEXT_LENGTH);
  store<u32>(S, <u32>to, SCRATCH);
}
