/**
 * The public API, in the order of the path: what a configuration is made of, then what embeds,
 * checks and talks to a running Millrace.
 */
export { adEvents } from './event/ad-events.js';
export { defineSchema, type ColumnInput, type SchemaInput } from './event/schema-define.js';
export type { ColumnDefinition, ColumnType, Schema } from './event/schema.js';
export type { EventInput, EventOf, TypedSchema } from './event/event-type.js';
export {
  defineBatchTransform,
  defineTransform,
  type BatchContext,
  type BatchFunction,
  type TransformContext,
  type TransformFunction,
  type TransformResult,
} from './transform/functions/define.js';
export type { EventBatch } from './transform/functions/event-batch.js';
export { defineConfig, type MillraceConfig, type StreamConfig } from './config/define.js';
export { loadConfig } from './config/load.js';
export type { MillraceOptions } from './config/options.js';
export { ERRORS, MillraceError, type ErrorCode } from './util/errors.js';
