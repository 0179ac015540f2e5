/**
 * Values of events as a part of an object's key. Whatever the value, what comes out stays between two
 * slashes and is valid in any store, and different values get different names.
 *
 * As Hive has it, and with it DuckDB, Spark and Athena: what can't stand there is `%` and two digits, and
 * what is missing or empty is `__HIVE_DEFAULT_PARTITION__`.
 */
import { createHash } from 'node:crypto';

/** Stands for a value that is missing or empty. */
export const DEFAULT_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/** Longest name, in bytes; a longer one keeps its beginning and gets a hash. */
const NAME_BYTES_MAX = 160;
/** Bytes of a hash, in hex twice as many. */
const HASH_BYTES = 16;

// Controls, what is a wildcard or a separator somewhere, and the escape itself; as Hive, and space.
const UNSAFE = /[\p{Cc} "#%'*/:=?\\{[\]^]|^\.+$/gu;

/** A value as a name. */
export function safeName(value: string | null): string {
  if (value === null || value === '') return DEFAULT_PARTITION;
  const name = Buffer.from(value).toString().replace(UNSAFE, escape);
  return Buffer.byteLength(name) <= NAME_BYTES_MAX ? name : shortened(name, value);
}

function escape(found: string): string {
  return Array.from(Buffer.from(found), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function shortened(name: string, value: string): string {
  const hash = createHash('sha256').update(value).digest().toString('hex', 0, HASH_BYTES);
  let kept = '';
  for (const part of name.match(/%[0-9A-F]{2}|./gsu) ?? []) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(part) > NAME_BYTES_MAX - HASH_BYTES * 2 - 1) break;
    kept += part;
  }
  return `${kept}~${hash}`;
}
