/** The formats of results. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { ArrowResult } from './results-arrow.js';
import { ParquetResult } from './results-parquet.js';
import { TextResult } from './results-text.js';
import type { BoundOutput } from './tree.js';

/** How a result can be written. */
export const RESULT_FORMATS = ['json', 'ndjson', 'csv', 'arrow', 'parquet'] as const;

/** How a result is written. */
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** The content type of a format. */
export const CONTENT_TYPES: Readonly<Record<ResultFormat, string>> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  arrow: 'application/vnd.apache.arrow.stream',
  parquet: 'application/vnd.apache.parquet',
};

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
