/**
 * `sample`: a part of the events. Which ones follows from the value of a column and nothing else:
 * the same at every run, and all events of one value pass or none.
 */
import type { SampleOptions } from '../../config/transform-options.js';
import { isNull, type Column } from '../../event/columns.js';
import { hashBytes } from '../../event/dictionary.js';
import { valueOf } from '../../event/rows.js';
import type { ColumnType } from '../../event/schema.js';
import { selectRows } from '../rows.js';
import { columnAt, stepMistake, type PlanContext, type Verb } from '../verb.js';

/** The verb. */
export const sample: Verb<SampleOptions> = {
  plan({ rate, by }, context) {
    const { schema } = context;
    const index = by === undefined ? eventId(context) : columnAt(context, by, undefined, 'sample.by');
    const { type } = schema.columns[index]!;
    const limit = rate * 2 ** 32;
    return {
      schema,
      open: () => ({
        run(rows, work) {
          const hash = hashOf(rows.batch.column(index), type);
          return selectRows(rows, (row, origin) => {
            if (hash(row) < limit) return true;
            work.filter(origin, 'sample');
            return false;
          });
        },
      }),
    };
  },
};

function eventId({ schema, place }: PlanContext): number {
  if (schema.roles.eventId >= 0) return schema.roles.eventId;
  const names = schema.columns.map(({ name }) => name).join(', ');
  throw stepMistake(`${place}.sample`, `the events have no id; expected by: one of ${names}`);
}

const encoder = new TextEncoder();

/** A hash of the value of each row, the same for equal values in every run: 32 bits. */
function hashOf(column: Column, type: ColumnType): (row: number) => number {
  switch (column.kind) {
    case 'uuid':
      return (row) => hashBytes(column.data, row * 16, row * 16 + 16);
    case 'bytes':
      return (row) => hashBytes(column.data, column.offsets[row]!, column.offsets[row + 1]!);
    case 'dictionary': {
      const { codes, dictionary } = column;
      const nothing = hashBytes(dictionary.data, 0, 0);
      return (row) => {
        if (isNull(column.nulls, row)) return nothing;
        const code = codes[row]!;
        return hashBytes(dictionary.data, dictionary.offsets[code]!, dictionary.offsets[code + 1]!);
      };
    }
    default:
      return (row) => {
        const value = valueOf(column, type, row);
        const bytes = encoder.encode(value === null ? '' : JSON.stringify(value));
        return hashBytes(bytes, 0, bytes.length);
      };
  }
}
