/** How results are written, by name: what the HTTP thread knows of them. */

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
