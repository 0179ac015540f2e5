/** What compiled expressions look at: a row of a batch, or one that has an entry of a dictionary. */
import type { ColumnBatch } from '../../event/columns.js';
import type { Dictionary } from '../../event/dictionary.js';
import type { Compiled, RowAccess } from '../../sql/evaluate.js';
import { valueAt } from '../../sql/row-value.js';
import type { Value } from '../../sql/value.js';

/** The row that compiled expressions look at. */
export class KernelRow implements RowAccess {
  batch: ColumnBatch | null = null;
  row = 0;
  windowStart = 0;
  windowEnd = 0;

  column(index: number): Value {
    const batch = this.batch!;
    return valueAt(batch.column(index), batch.schema.columns[index]!.type, this.row);
  }

  key(): Value {
    throw new TypeError('a row has no key yet');
  }

  aggregate(): Value {
    throw new TypeError('a row has no aggregate');
  }
}

/** A row of which one dictionary column has a given value. */
class EntryRow extends KernelRow {
  value: Value = null;

  override column(): Value {
    return this.value;
  }
}

/** The expression for a dictionary entry; undefined where it fails. */
export function perEntry(compiled: Compiled): (dictionary: Dictionary, code: number) => Value | undefined {
  const row = new EntryRow();
  return (dictionary, code) => {
    row.value = code < 0 ? null : dictionary.stringOf(code);
    try {
      return compiled(row);
    } catch {
      // The row that has this entry is evaluated again, to fail with its own message.
      return undefined;
    }
  };
}
