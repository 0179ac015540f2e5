/**
 * Sketches in queries: our own merge and estimate, which DuckDB calls for a vector of rows at once.
 *
 * They run in this thread, which has other queries to answer: one call merges at most `SKETCH_BYTES_MAX` of
 * sketches, less than half a second of work. Beyond that the query ends with advice.
 */
import type { DuckDBBlobValue, DuckDBConnection } from '@duckdb/node-api';
import { duckdb } from '../../io/duckdb.js';
import { sketchBytes, sketchContents } from '../../sql/aggregates/sketches/hyperloglog-bytes.js';
import { Sketches } from '../../sql/aggregates/sketches/hyperloglog.js';

/** Merges a list of sketches: BLOB[] → BLOB. */
export const SKETCH_UNION = 'millrace_sketch_union';
/** The estimate of a sketch: BLOB → BIGINT. */
export const SKETCH_COUNT = 'millrace_sketch_count';

/** Most bytes of sketches that one call merges. */
export const SKETCH_BYTES_MAX = 32 * 1024 * 1024;
/** What is said when there are more. */
export const TOO_MANY_SKETCHES =
  'more than 32 MiB of sketches to be merged at once; ask for fewer groups or a shorter time, or have a view of longer windows';

/** Makes the functions known to a database. */
export function registerSketchFunctions(connection: DuckDBConnection): void {
  const { BIGINT, BLOB, DuckDBBlobValue: BlobValue, DuckDBListValue: ListValue, DuckDBScalarFunction, LIST } = duckdb();
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: SKETCH_UNION,
      returnType: BLOB,
      parameterTypes: [LIST(BLOB)],
      mainFunction(_info, input, output) {
        const lists = input.getColumnVector(0);
        const sketches = new Sketches(1);
        let left = SKETCH_BYTES_MAX;
        for (let row = 0; row < input.rowCount; row++) {
          const list = lists.getItem(row);
          const items = list instanceof ListValue ? list.items.filter((item) => item !== null) : [];
          sketches.clear(0);
          for (const item of items) {
            const { bytes } = item as DuckDBBlobValue;
            left -= bytes.length;
            if (left < 0) throw new Error(TOO_MANY_SKETCHES);
            sketches.mergeContents(0, sketchContents(bytes));
          }
          output.setItem(row, items.length === 0 ? null : new BlobValue(sketchBytes(sketches.contents(0))));
        }
        output.flush();
      },
    }),
  );
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: SKETCH_COUNT,
      returnType: BIGINT,
      parameterTypes: [BLOB],
      mainFunction(_info, input, output) {
        const values = input.getColumnVector(0);
        const sketches = new Sketches(1);
        for (let row = 0; row < input.rowCount; row++) {
          const value = values.getItem(row);
          if (value instanceof BlobValue) {
            sketches.clear(0);
            sketches.mergeContents(0, sketchContents(value.bytes));
            output.setItem(row, BigInt(sketches.estimate(0)));
          } else output.setItem(row, null);
        }
        output.flush();
      },
    }),
  );
}
