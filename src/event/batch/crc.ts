import { crc32c as native } from '@node-rs/crc32';

/** Below this many bytes the call into native code costs more than a table. */
const NATIVE_FROM = 96;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli) of `bytes[start .. end]`, unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  if (end - start >= NATIVE_FROM) return native(bytes.subarray(start, end));
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) crc = TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
