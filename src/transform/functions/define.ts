/**
 * What the module of a function may import from `millrace`, and the types of functions. In the thread
 * of a function, `millrace` is this module and nothing more: it starts fast and takes little memory.
 */
import type { EventInput, EventOf } from '../../event/event-type.js';
import type { Schema } from '../../event/schema.js';
import type { EventBatch } from './event-batch.js';

export { adEvents } from '../../event/ad-events.js';
export { defineSchema } from '../../event/schema-define.js';
export { MillraceError } from '../../util/errors.js';

/** What a function is told beside the event. */
export interface TransformContext {
  /** The transform's name. */
  readonly name: string;
  readonly stream: string;
  readonly partition: number;
  /** Where the event is in its partition; -1 where it has no place there. */
  readonly offset: number;
  /** When the log took the event, ms since 1970: the same at every run, unlike `now`. */
  readonly receivedAt: number;
  /** The time, ms since 1970. */
  now(): number;
  /** Says something in the messages of the process. */
  log(message: string): void;
}

/** What a batch function is told beside the batch. */
export type BatchContext = Omit<TransformContext, 'offset'>;

/** What a function gives back for an event: it, or others, or nothing. */
export type TransformResult<Out> = Out | readonly Out[] | null;

/** A function of a transform. What it throws, the event fails with. */
export type TransformFunction<In, Out> = (
  event: In,
  context: TransformContext,
) => TransformResult<Out> | Promise<TransformResult<Out>>;

/** A function of a transform over many events at once. Null: none of them comes out. */
export type BatchFunction<S extends Schema> = (
  batch: EventBatch<S>,
  context: BatchContext,
) => EventBatch<Schema> | null | Promise<EventBatch<Schema> | null>;

/** Types a function by the schema of its events; `output` where others come out. Answers it unchanged. */
export function defineTransform<In extends Schema, Out extends Schema = In>(
  _schema: In | { readonly input: In; readonly output: Out },
  transform: TransformFunction<EventOf<In>, EventInput<Out>>,
): TransformFunction<EventOf<In>, EventInput<Out>> {
  return transform;
}

/** As `defineTransform`, for a function over many events at once. */
export function defineBatchTransform<S extends Schema>(_schema: S, transform: BatchFunction<S>): BatchFunction<S> {
  return transform;
}
