/**
 * What can be sent: a source of events as JSON, one element an event.
 *
 * A source yields groups, so that a million events don't cost a million awaits. Each event is a
 * JSON text without line breaks outside strings, ready to be a line of NDJSON. What can't be turned
 * into an event is sent as it is: the server says what is wrong with it, and keeps it.
 */

/** Events of a file or of a generator. */
export interface EventSource {
  /** Groups of events, in order. */
  readonly groups: AsyncIterable<readonly Uint8Array[]>;
  /** How far it is: 0 to 1, NaN when it can't be known. */
  progress(): number;
}

/** The formats of files. */
export const FORMATS = ['ndjson', 'json', 'csv', 'combined'] as const;

/**
 * `ndjson`: one JSON object a line. `json`: JSON values with or without separators between them, as
 * Firehose writes its objects; arrays count as their elements. `csv`: a header, then a row an event.
 * `combined`: a web server's access log.
 */
export type InputFormat = (typeof FORMATS)[number];
