/** The Firehose API as it is configured. */
import { z } from 'zod';
import { allowPrivateField } from './sinks/http.js';

/** `firehose` of the configuration. */
export const firehoseField = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Whether `POST /` answers calls of the Firehose API' }),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, { error: "expected a region such as 'eu-west-1'" })
      .optional()
      .meta({
        description: 'The only region that signatures may name; left out: any. Also that of ARNs, else `us-east-1`',
      }),
    accountId: z
      .string()
      .regex(/^\d{12}$/, { error: "expected an account id of 12 digits such as '123456789012'" })
      .default('000000000000')
      .meta({ description: 'The account in ARNs' }),
    allowPrivate: allowPrivateField.meta({
      description:
        'Addresses that HTTP destinations made through the API may have beside those of the internet: a list of networks, or `true` for all private ones',
    }),
  })
  .prefault({});
