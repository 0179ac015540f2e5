/**
 * A kind of destination: how one is named and checked, and which deliveries it is.
 *
 * Each kind lists every member that AWS has there: those that mean something here, and those that are
 * accepted without effect. Anything else is refused by name.
 */
import type { DeliveryOptions, FirehoseOptions } from '../../../../config/options.js';
import type { TransformOptions } from '../../../../config/transform-options.js';
import type { Schema } from '../../../../event/schema.js';
import type { Structure } from '../input.js';

/** What deliveries are made for. */
export interface DestinationContext {
  /** The name of the delivery; others of the same destination begin with it and a dot. */
  readonly name: string;
  /** The made stream. */
  readonly stream: string;
  /** The stream that deliveries read: that one, or what a function makes of it. */
  readonly from: string;
  /** Its schema. */
  readonly schema: Schema;
  readonly firehose: FirehoseOptions;
}

/** What a destination is made of. */
export interface MadeReaders {
  readonly transforms: readonly TransformOptions[];
  readonly deliveries: readonly DeliveryOptions[];
}

/** A kind. */
export interface DestinationKind {
  /** The member of CreateDeliveryStream. */
  readonly create: string;
  /** The member of UpdateDestination. */
  readonly update: string;
  /** Types of processors that it may have. */
  readonly processors: readonly string[];
  /** Checks the settings, and says what they mean. Throws an error of the call. */
  deliveries(settings: Structure, context: DestinationContext): DeliveryOptions[];
  /** The settings as members of a description: without secrets, with defaults. */
  describe(settings: Structure): Structure;
}
