/**
 * A kind of destination: how one is named and checked, and which delivery it is.
 *
 * Each kind lists every member that AWS has there: those that mean something here, and those that are
 * accepted without effect. Anything else is refused by name.
 */
import type { DeliveryOptions, FirehoseOptions } from '../../../../config/options.js';
import type { Structure } from '../input.js';

/** What a delivery is made for. */
export interface DestinationContext {
  /** The name of the delivery. */
  readonly name: string;
  /** The stream that it reads. */
  readonly stream: string;
  readonly firehose: FirehoseOptions;
}

/** A kind. */
export interface DestinationKind {
  /** The member of CreateDeliveryStream. */
  readonly create: string;
  /** The member of UpdateDestination. */
  readonly update: string;
  /** The member of a description. */
  readonly description: string;
  /** Checks the settings, and says what they mean. Throws an error of the call. */
  delivery(settings: Structure, context: DestinationContext): DeliveryOptions;
  /** The settings as a description gives them: without secrets, with defaults. */
  describe(settings: Structure): Structure;
}
