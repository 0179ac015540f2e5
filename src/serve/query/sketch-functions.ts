/**
 * Sketches in queries: our own merge and estimate, which DuckDB calls for a vector of rows at once.
 *
 * They run in this thread, which has other queries to answer: one call merges at most `SKETCHES_MAX`
 * sketches, about a quarter of a second. Beyond that the query ends with advice.
 */
import {
  BIGINT,
  BLOB,
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBScalarFunction,
  LIST,
  type DuckDBConnection,
} from '@duckdb/node-api';
import { sketchBytes, sketchContents } from '../../mill/state/sketch-bytes.js';
import { Sketches } from '../../mill/state/sketch.js';

/** Merges a list of sketches: BLOB[] → BLOB. */
export const SKETCH_UNION = 'millrace_sketch_union';
/** The estimate of a sketch: BLOB → BIGINT. */
export const SKETCH_COUNT = 'millrace_sketch_count';

/** Most sketches that one call merges. */
export const SKETCHES_MAX = 50_000;
/** What is said when there are more. */
export const TOO_MANY_SKETCHES = `more than ${SKETCHES_MAX} sketches at once; ask for fewer groups or a shorter time`;

/** Makes the functions known to a database. */
export function registerSketchFunctions(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: SKETCH_UNION,
      returnType: BLOB,
      parameterTypes: [LIST(BLOB)],
      mainFunction(_info, input, output) {
        const lists = input.getColumnVector(0);
        const sketches = new Sketches(1);
        let left = SKETCHES_MAX;
        for (let row = 0; row < input.rowCount; row++) {
          const list = lists.getItem(row);
          const items = list instanceof DuckDBListValue ? list.items.filter((item) => item !== null) : [];
          left -= items.length;
          if (left < 0) throw new Error(TOO_MANY_SKETCHES);
          sketches.clear(0);
          for (const item of items) sketches.mergeContents(0, sketchContents((item as DuckDBBlobValue).bytes));
          output.setItem(row, items.length === 0 ? null : new DuckDBBlobValue(sketchBytes(sketches.contents(0))));
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
          if (value instanceof DuckDBBlobValue) {
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
