/**
 * Dictionary and list columns with some values replaced; see `patch.ts`.
 *
 * A writer owns one dictionary a column and goes on with it from batch to batch, so that neither it
 * nor who reads its batches hashes a string again. Bounds: those of a dictionary. One that fills up is
 * replaced and the batch done again; a batch that fills an empty one goes as bytes.
 */
import { widen } from '../../event/batch/widen.js';
import type { BytesListColumn, Column, DictionaryColumn, ListColumn } from '../../event/columns.js';
import { isNull } from '../../event/columns.js';
import { Dictionary } from '../../event/dictionary.js';
import type { Patch } from './patch.js';
import { patchNulls } from './patch.js';
import { packBytes, patchTexts } from './patch-texts.js';
import { listOf, textOf, wrongValue } from './values.js';

const UNSEEN = -1;
const encoder = new TextEncoder();

/** The dictionary of one column of a writer. */
export class OwnDictionary {
  dictionary = new Dictionary();
  #codes = new Map<string, number>();
  #lookups = new WeakMap<Dictionary, Int32Array>();

  /** Starts over; false when nothing would be gained by it. */
  renewWhenFull(before: number): boolean {
    if (before === 0) return false;
    this.#renew();
    return true;
  }

  /** The code of a text; -1 when the dictionary is full. */
  codeOf(text: string): number {
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.dictionary.internString(text);
      if (code >= 0) this.#codes.set(text, code);
    }
    return code;
  }

  /** Translates codes of `source`; -1 when the dictionary is full. */
  translator(source: Dictionary): (code: number) => number {
    let lookup = this.#lookups.get(source);
    if (lookup === undefined || lookup.length < source.size) {
      const larger = new Int32Array(Math.max(256, source.size * 2)).fill(UNSEEN);
      if (lookup !== undefined) larger.set(lookup);
      this.#lookups.set(source, (lookup = larger));
    }
    const table = lookup;
    return (code) => {
      const known = table[code]!;
      if (known !== UNSEEN) return known;
      return (table[code] = this.dictionary.intern(source.data, source.offsets[code]!, source.offsets[code + 1]!));
    };
  }

  #renew(): void {
    this.dictionary = new Dictionary();
    this.#codes = new Map();
    this.#lookups = new WeakMap();
  }
}

/** `dictionary`; of kind `bytes` when the source's is, or when there are too many values. */
export function patchCodes(patch: Patch, own: OwnDictionary): Column {
  const { base, count } = patch;
  if (base !== null && base.kind === 'bytes') return patchTexts(patch);
  const before = own.dictionary.size;
  const codes = new Uint16Array(count);
  if (putCodes(patch, own, codes) || (own.renewWhenFull(before) && putCodes(patch, own, codes)))
    return { kind: 'dictionary', nulls: patchNulls(patch), codes, dictionary: own.dictionary };
  return patchTexts({ ...patch, base: base === null ? null : widen(base, 'dictionary', 'string', count) });
}

function putCodes(patch: Patch, own: OwnDictionary, codes: Uint16Array): boolean {
  const { definition, count, changes, fault } = patch;
  const base = patch.base as DictionaryColumn | null;
  const translate = base === null ? null : own.translator(base.dictionary);
  for (let row = 0, k = 0; row < count; row++) {
    let code = 0;
    if (k < changes.rows.length && changes.rows[k] === row) {
      const value = changes.values[k++] ?? null;
      const text = value === null ? undefined : textOf(value);
      if (text !== undefined) code = own.codeOf(text);
      else if (value !== null) fault(row, wrongValue(definition, value));
    } else if (!isNull(base!.nulls, row)) code = translate!(base!.codes[row]!);
    if (code < 0) return false;
    codes[row] = code;
  }
  return true;
}

/** `list`; of kind `bytesList` when the source's is, or when there are too many items. */
export function patchLists(patch: Patch, own: OwnDictionary): Column {
  if (patch.base !== null && patch.base.kind === 'bytesList') return patchBytesLists(patch);
  const before = own.dictionary.size;
  const list = putLists(patch, own) ?? (own.renewWhenFull(before) ? putLists(patch, own) : null);
  return list ?? patchBytesLists(patch);
}

function putLists(patch: Patch, own: OwnDictionary): ListColumn | null {
  const { definition, count, changes, fault } = patch;
  const base = patch.base as ListColumn | null;
  const translate = base === null ? null : own.translator(base.dictionary);
  const offsets = new Uint32Array(count + 1);
  const codes: number[] = [];
  for (let row = 0, k = 0; row < count; row++) {
    if (k < changes.rows.length && changes.rows[k] === row) {
      const value = changes.values[k++] ?? null;
      const texts = value === null ? [] : listOf(value);
      if (texts === undefined) fault(row, wrongValue(definition, value));
      for (const text of texts ?? []) codes.push(own.codeOf(text));
    } else
      for (let item = base!.offsets[row]!; item < base!.offsets[row + 1]!; item++)
        codes.push(translate!(base!.codes[item]!));
    offsets[row + 1] = codes.length;
  }
  if (codes.includes(-1)) return null;
  const { dictionary } = own;
  return { kind: 'list', nulls: patchNulls(patch), offsets, codes: Uint16Array.from(codes), dictionary };
}

function patchBytesLists(patch: Patch): BytesListColumn {
  const { definition, count, changes, fault } = patch;
  const base = patch.base as ListColumn | BytesListColumn | null;
  const offsets = new Uint32Array(count + 1);
  const parts: Uint8Array[] = [];
  for (let row = 0, k = 0; row < count; row++) {
    if (k < changes.rows.length && changes.rows[k] === row) {
      const value = changes.values[k++] ?? null;
      const texts = value === null ? [] : listOf(value);
      if (texts === undefined) fault(row, wrongValue(definition, value));
      for (const text of texts ?? []) parts.push(encoder.encode(text));
    } else for (let item = base!.offsets[row]!; item < base!.offsets[row + 1]!; item++) parts.push(itemOf(base!, item));
    offsets[row + 1] = parts.length;
  }
  return {
    kind: 'bytesList',
    nulls: patchNulls(patch),
    offsets,
    items: { kind: 'bytes', nulls: null, ...packBytes(parts) },
  };
}

function itemOf(column: ListColumn | BytesListColumn, item: number): Uint8Array {
  if (column.kind === 'list') return column.dictionary.bytesOf(column.codes[item]!);
  const { data, offsets } = column.items;
  return data.subarray(offsets[item], offsets[item + 1]);
}
