/**
 * The streams of the machine, as the Firehose API sees and changes them. Those of the configuration and
 * those made at run time are the same thing, but only the latter can be changed here.
 */
import type { MadeDestination, MadeStream, Tags } from '../../../config/definitions.js';
import type { DeliveryOptions } from '../../../config/options.js';
import type { Schema } from '../../../event/schema.js';
import { MillraceError } from '../../../util/errors.js';
import type { AwsAccount, Call } from './call.js';

/** A stream that takes records. */
export interface KnownStream {
  readonly name: string;
  readonly schema: Schema;
  /** Null for a stream of the configuration. */
  readonly made: MadeStream | null;
  readonly tags: Tags;
  readonly deliveries: readonly DeliveryOptions[];
}

/** A stream that is to be made. */
export interface NewStream {
  readonly name: string;
  readonly schema: Schema;
  readonly tags: Tags;
  readonly destination: MadeDestination | null;
}

/** Knows and changes streams. A change is durable and in force when it resolves. */
export interface StreamAdmin {
  /** All of them, by name. */
  list(): readonly KnownStream[];
  find(name: string): KnownStream | undefined;
  /** Throws STREAM_EXISTS, LIMIT_EXCEEDED or ARGUMENT_INVALID. */
  create(stream: NewStream): Promise<void>;
  /** Throws ARGUMENT_INVALID for a stream of the configuration. */
  remove(name: string): Promise<void>;
  /** Throws STREAM_CHANGED unless the stream is at `version`; ARGUMENT_INVALID for one of the configuration. */
  replaceDestination(name: string, version: number, destination: MadeDestination): Promise<void>;
  setTags(name: string, tags: Tags): Promise<void>;
}

/** A stream by name. Throws STREAM_UNKNOWN. */
export function knownStream({ services, account }: Call, name: string): KnownStream {
  return services.streams.find(name) ?? unknownStream(name, account);
}

/** Throws STREAM_UNKNOWN, in AWS's words. */
export function unknownStream(name: string, account: AwsAccount): never {
  throw new MillraceError('STREAM_UNKNOWN', `Firehose ${name} under account ${account.id} not found.`, {
    place: 'DeliveryStreamName',
  });
}
