/** Columns of bytes with some values replaced; see `patch.ts`. */
import type { BytesColumn } from '../../event/columns.js';
import type { Patch } from './patch.js';
import { patchNulls } from './patch.js';
import { bytesOf, jsonOf, textOf, wrongValue } from './values.js';

const encoder = new TextEncoder();

/** Byte strings one after the other; string k is `data[offsets[k] .. offsets[k + 1]]`. */
export interface PackedTexts {
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
}

/** `string`, `json`, `bytes`, and the raw texts of a full dictionary. `base` is null or of kind `bytes`. */
export function patchTexts(patch: Patch): BytesColumn {
  const { definition, base, count, changes, fault } = patch;
  const take = definition.type === 'bytes' ? bytesOf : definition.type === 'json' ? jsonOf : textOf;
  const values: (string | Uint8Array)[] = [];
  for (let k = 0; k < changes.rows.length; k++) {
    const value = changes.values[k] ?? null;
    let taken = value === null ? '' : take(value);
    if (taken === 'null' && definition.type === 'json') {
      // NaN and the like: a null as any other.
      changes.values[k] = null;
      taken = '';
    }
    if (taken === undefined) fault(changes.rows[k]!, wrongValue(definition, value));
    values.push(taken ?? '');
  }
  const packed = definition.type === 'bytes' ? packBytes(values.map(asBytes)) : packTexts(values as string[]);
  return { nulls: patchNulls(patch), ...merge(base as BytesColumn | null, count, changes.rows, packed) };
}

/** Texts as UTF-8: in one go where all are ASCII, as nearly always. */
export function packTexts(texts: readonly string[]): PackedTexts {
  const joined = texts.join('');
  const data = Buffer.from(joined);
  if (data.length !== joined.length) return packBytes(texts.map((text) => encoder.encode(text)));
  const offsets = new Uint32Array(texts.length + 1);
  for (let k = 0, end = 0; k < texts.length; k++) offsets[k + 1] = end += texts[k]!.length;
  return { data, offsets };
}

/** Byte strings, put together. */
export function packBytes(parts: readonly Uint8Array[]): PackedTexts {
  const offsets = new Uint32Array(parts.length + 1);
  for (let k = 0, end = 0; k < parts.length; k++) offsets[k + 1] = end += parts[k]!.length;
  const data = new Uint8Array(offsets[parts.length]!);
  for (let k = 0; k < parts.length; k++) data.set(parts[k]!, offsets[k]!);
  return { data, offsets };
}

function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? EMPTY : value;
}

const EMPTY = new Uint8Array(0);

/** `base` with text k of `packed` in row `rows[k]`, copied in runs. */
function merge(
  base: BytesColumn | null,
  count: number,
  rows: readonly number[],
  packed: PackedTexts,
): Omit<BytesColumn, 'nulls'> {
  const changed = packed.offsets.length - 1;
  if (changed === count) return { kind: 'bytes', ...packed };
  const offsets = new Uint32Array(count + 1);
  const from = base!.offsets;
  for (let row = 0, k = 0, end = 0; row < count; row++) {
    const isChanged = k < changed && rows[k] === row;
    end += isChanged ? packed.offsets[k + 1]! - packed.offsets[k]! : from[row + 1]! - from[row]!;
    if (isChanged) k++;
    offsets[row + 1] = end;
  }
  const data = new Uint8Array(offsets[count]!);
  for (let row = 0, k = 0; row < count;) {
    const first = row;
    const firstChange = k;
    while (k < changed && rows[k] === row) {
      k++;
      row++;
    }
    copy(packed.data, packed.offsets[firstChange]!, packed.offsets[k]!, data, offsets[first]!);
    const next = k < changed ? rows[k]! : count;
    copy(base!.data, from[row]!, from[next]!, data, offsets[row]!);
    row = next;
  }
  return { kind: 'bytes', offsets, data };
}

/** A short copy is faster by hand than as a call. */
function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from > 128) target.set(source.subarray(from, to), at);
  else for (let i = from, o = at; i < to; i++, o++) target[o] = source[i]!;
}
