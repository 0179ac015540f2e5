/** One call of the Firehose API, after its signature was verified. */
import type { IncomingMessage } from 'node:http';
import type { Principal } from '../../../config/tenants.js';
import type { Doors } from '../../doors.js';
import type { Budget } from '../../http/body.js';
import type { CollectServices } from '../../options.js';
import type { Structure } from './input.js';

/** Whose streams they are, as their ARNs say. */
export interface AwsAccount {
  readonly id: string;
  readonly region: string;
}

/** What an operation works on. */
export interface Call {
  readonly services: CollectServices;
  readonly doors: Doors;
  readonly budget: Budget;
  readonly account: AwsAccount;
  readonly request: IncomingMessage;
  readonly principal: Principal;
  readonly input: Structure;
}
