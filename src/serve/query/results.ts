/** Results as they are written. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { ResultFormat } from './result-formats.js';
import { ArrowResult } from './results-arrow.js';
import { ParquetResult } from './results-parquet.js';
import { TextResult } from './results-text.js';
import type { BoundOutput } from './tree.js';

/** Takes the rows of one result, a chunk at a time. */
export interface ResultSink {
  /** Bytes so far, about. */
  readonly length: number;
  /** Adds the first `rows` rows of a chunk. */
  add(chunk: DuckDBDataChunk, rows: number): void;
  /** The whole result. `stats` goes where the format has a place for it. */
  finish(stats: object): Uint8Array<ArrayBuffer>;
}

/** Begins a result. Once its length is above `lengthMax`, it may leave rows out. */
export function openResult(format: ResultFormat, outputs: readonly BoundOutput[], lengthMax: number): ResultSink {
  switch (format) {
    case 'arrow':
      return new ArrowResult(outputs);
    case 'parquet':
      return new ParquetResult(outputs);
    default:
      return new TextResult(format, outputs, lengthMax);
  }
}
