/** What alerts of views have in common: where they may go, how often they are tried. */
import { z } from 'zod';
import { retryField } from './deliveries-field.js';
import { duration } from './fields.js';
import { allowPrivateField } from './sinks/http.js';

/** The section `alerts`. */
export const alertsField = z
  .strictObject({
    allowPrivate: allowPrivateField,
    timeout: duration('30 s', 'A request and its answer take no longer', 100, 3_600_000),
    retry: retryField.meta({ description: 'When the other end fails' }),
  })
  .prefault({});
