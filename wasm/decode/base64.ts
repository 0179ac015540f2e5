// Base64, standard or URL-safe, padding optional.
import { SCRATCH } from '../../src/collect/decode/memory-map';
import { S } from './text';

@inline function sextet(c: u32): u32 {
  if (c - 65 < 26) return c - 65;
  if (c - 97 < 26) return c - 71;
  if (c - 48 < 10) return c + 4;
  if (c == 43 || c == 45) return 62;
  return c == 47 || c == 95 ? 63 : 64;
}

/** Decodes to the scratch region and puts (pointer, length) into `slot`; false when it is not base64. */
export function putBase64(slot: usize, at: usize, length: u32): bool {
  if (length != 0 && (length & 3) == 0 && load<u8>(at + length - 1) == 61) {
    length--;
    if (load<u8>(at + length - 1) == 61) length--;
  }
  if ((length & 3) == 1) return false;
  const from: usize = load<u32>(S, SCRATCH);
  let to = from;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const value = sextet(load<u8>(at + i));
    if (value == 64) return false;
    bits = (bits << 6) | value;
    const phase = i & 3;
    if (phase != 0) store<u8>(to++, <u8>(bits >> (6 - (phase << 1))));
  }
  store<u32>(S, <u32>to, SCRATCH);
  store<u32>(slot, <u32>from);
  store<u32>(slot, <u32>(to - from), 4);
  return true;
}
