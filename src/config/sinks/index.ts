/**
 * The settings of sinks, one file a family. `src/deliver/sinks/index.ts` makes the sinks; both lists
 * name the same types.
 */
import { z } from 'zod';
import type { ConfigMistake } from '../issues.js';
import { clickhouseSinkField } from './clickhouse.js';
import { httpSinkField, webhookSinkField } from './http.js';
import { directorySinkField, objectMistakes, s3SinkField } from './objects.js';
import { kafkaSinkField } from './kafka.js';
import { opensearchSinkField } from './opensearch.js';
import { fileSinkField, stdoutSinkField } from './output.js';
import { postgresSinkField } from './postgres.js';
import { tlsWithPaths } from './tls.js';

/** `to` of a delivery: which sink, and how. */
export const sinkField = z.discriminatedUnion(
  'type',
  [
    directorySinkField,
    fileSinkField,
    s3SinkField,
    stdoutSinkField,
    httpSinkField,
    webhookSinkField,
    opensearchSinkField,
    postgresSinkField,
    kafkaSinkField,
    clickhouseSinkField,
  ],
  {
    error: (issue) => (issue.code === 'invalid_union' ? `expected one of type ${SINK_TYPES.join(', ')}` : undefined),
  },
);

/** Types of sinks, as `type` names them. */
export const SINK_TYPES = [
  'directory',
  'file',
  's3',
  'stdout',
  'http',
  'webhook',
  'opensearch',
  'postgres',
  'kafka',
  'clickhouse',
] as const;

/** The settings of a sink, parsed; paths are absolute, secrets are in clear. Never print them. */
export type SinkOptions = z.output<typeof sinkField>;

/** The settings of one type of sink. */
export type SinkOptionsOf<Type extends SinkOptions['type']> = Extract<SinkOptions, { readonly type: Type }>;

/** Makes the paths of a sink's settings absolute; `at` resolves one, `folder` is for what names none. */
export function withPaths(sink: SinkOptions, at: (path: string) => string, folder: string): SinkOptions {
  switch (sink.type) {
    case 'directory':
      return { ...sink, path: sink.path === '' ? folder : at(sink.path) };
    case 'file':
      return { ...sink, path: at(sink.path) };
    case 'http':
    case 'webhook':
    case 'opensearch':
    case 'clickhouse':
      return { ...sink, tls: tlsWithPaths(sink.tls, at) };
    case 'postgres':
    case 's3':
    case 'kafka':
      return sink.tls === undefined ? sink : { ...sink, tls: tlsWithPaths(sink.tls, at) };
    case 'stdout':
      return sink;
  }
}

/** What a sink's settings ask of the stream that it gets; paths are below `to`. */
export function sinkMistakes(from: string, to: SinkOptions): ConfigMistake[] {
  return to.type === 'directory' || to.type === 's3' ? objectMistakes(from, to) : [];
}
