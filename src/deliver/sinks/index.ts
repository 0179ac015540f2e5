/** The one list of sinks. `src/config/sinks/index.ts` has their settings; both lists name the same types. */
import type { SinkOptions, SinkOptionsOf } from '../../config/sinks/index.js';
import type { Sink, SinkContext } from '../sink.js';
import { createClickhouseSink } from './clickhouse.js';
import { createHttpSink } from './http.js';
import { createKafkaSink } from './kafka.js';
import { createOpensearchSink } from './opensearch.js';
import { createDirectorySink, createS3Sink } from './object-stores.js';
import { createFileSink, createStdoutSink } from './output.js';
import { createPostgresSink } from './postgres.js';
import { createWebhookSink } from './webhook.js';

type Makers = {
  readonly [Type in SinkOptions['type']]: (options: SinkOptionsOf<Type>, context: SinkContext) => Sink;
};

/** Makers of sinks, by type. */
const SINKS: Makers = {
  directory: createDirectorySink,
  file: createFileSink,
  s3: createS3Sink,
  stdout: createStdoutSink,
  http: createHttpSink,
  webhook: createWebhookSink,
  postgres: createPostgresSink,
  opensearch: createOpensearchSink,
  kafka: createKafkaSink,
  clickhouse: createClickhouseSink,
};

/** Makes the sink of a delivery; nothing is opened yet. */
export function createSink(options: SinkOptions, context: SinkContext): Sink {
  const make = SINKS[options.type] as (options: SinkOptions, context: SinkContext) => Sink;
  return make(options, context);
}
