/** What one would write without the decoder: `JSON.parse` a line, then push each field into its column. */
import { batchOf, type Column, type ColumnBatch } from '../src/event/columns.js';
import { Dictionary } from '../src/event/dictionary.js';
import { constantInteger } from '../src/event/integers.js';
import type { ColumnDefinition, Schema } from '../src/event/schema.js';

const encoder = new TextEncoder();

interface ColumnBuilder {
  push(value: unknown, row: number): void;
  build(rows: number): Column;
}

/** Decodes NDJSON to columns of `schema`. Dictionaries live on from call to call, as the decoder's do. */
export function createBuilder(schema: Schema): (bytes: Buffer) => ColumnBatch {
  const dictionaries = schema.columns.map(() => ({ dictionary: new Dictionary(), codes: new Map<string, number>() }));
  return (bytes) => {
    const lines = bytes.toString().split('\n');
    if (lines.at(-1) === '') lines.pop();
    const builders = schema.columns.map((column, i) => builderOf(column, lines.length, dictionaries[i]!));
    const names = schema.columns.map((column) => column.name);
    lines.forEach((line, r) => {
      const event = JSON.parse(line) as Record<string, unknown>;
      for (let i = 0; i < names.length; i++) builders[i]!.push(event[names[i]!] ?? null, r);
    });
    return batchOf(
      schema,
      lines.length,
      builders.map((builder) => builder.build(lines.length)),
    );
  };
}

function builderOf(
  column: ColumnDefinition,
  rows: number,
  { dictionary, codes }: { dictionary: Dictionary; codes: Map<string, number> },
): ColumnBuilder {
  const nulls = new Uint8Array((rows + 7) >> 3);
  let any = false;
  const missing = (row: number) => {
    nulls[row >> 3]! |= 1 << (row & 7);
    any = true;
  };
  const codeOf = (text: string) => {
    let code = codes.get(text);
    if (code === undefined) codes.set(text, (code = dictionary.internString(text)));
    return code;
  };
  const found = () => (any ? nulls : null);
  switch (column.type) {
    case 'uuid': {
      const data = new Uint8Array(rows * 16);
      return {
        push(value, row) {
          if (value === null) return missing(row);
          const text = value as string;
          for (let i = 0, at = 0; i < 16; i++, at += 2) {
            if (at === 8 || at === 13 || at === 18 || at === 23) at++;
            data[row * 16 + i] = (hex(text.charCodeAt(at)) << 4) | hex(text.charCodeAt(at + 1));
          }
        },
        build: () => ({ kind: 'uuid', nulls: found(), data }),
      };
    }
    case 'timestamp':
    case 'decimal':
    case 'int64': {
      if (column.name === 'received_at') return { push() {}, build: () => constantInteger(0n) };
      const scale = column.type === 'decimal' ? 1e6 : 1;
      const deltas = new Uint32Array(rows * 2);
      return {
        push(value, row) {
          if (value === null) return missing(row);
          const scaled = Math.round((value as number) * scale);
          deltas[row * 2] = scaled >>> 0;
          deltas[row * 2 + 1] = Math.floor(scaled / 4_294_967_296);
        },
        build: () => ({ kind: 'integer', nulls: found(), base: 0n, width: 8, deltas }),
      };
    }
    case 'dictionary': {
      const column = new Uint16Array(rows);
      return {
        push(value, row) {
          if (value === null) missing(row);
          else column[row] = codeOf(value as string);
        },
        build: () => ({ kind: 'dictionary', nulls: found(), codes: column, dictionary }),
      };
    }
    case 'list': {
      const offsets = new Uint32Array(rows + 1);
      const items: number[] = [];
      return {
        push(value, row) {
          if (value === null) missing(row);
          else for (const item of value as string[]) items.push(codeOf(item));
          offsets[row + 1] = items.length;
        },
        build: () => ({ kind: 'list', nulls: found(), offsets, codes: Uint16Array.from(items), dictionary }),
      };
    }
    default: {
      let data = new Uint8Array(rows * 64);
      const offsets = new Uint32Array(rows + 1);
      return {
        push(value, row) {
          let at = offsets[row]!;
          if (value === null) missing(row);
          else {
            const text = column.type === 'json' ? JSON.stringify(value) : (value as string);
            if (at + text.length * 3 > data.length) {
              const larger = new Uint8Array(data.length * 2 + text.length * 3);
              larger.set(data);
              data = larger;
            }
            at += encoder.encodeInto(text, data.subarray(at)).written;
          }
          offsets[row + 1] = at;
        },
        build: () => ({ kind: 'bytes', nulls: found(), offsets, data }),
      };
    }
  }
}

function hex(code: number): number {
  return code < 58 ? code - 48 : (code | 32) - 87;
}
