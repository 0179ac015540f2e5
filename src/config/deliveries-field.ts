/** Deliveries as they are written: which stream, which rows of it, where to, in what portions. */
import { z } from 'zod';
import { duration, NAME, NAME_EXAMPLE, optionalDuration, size, text, whole } from './fields.js';
import { sinkField } from './sinks/index.js';

const bufferField = z
  .strictObject({
    size: size('5 MiB', 'Bytes after which a portion goes out, as they go out; a hint', 1024, 1024 ** 3),
    interval: duration('60 s', 'How long the oldest row of a portion waits at most; a hint', 0, 900_000),
    rowsMax: whole(1_000_000, 'Most rows of a portion', 1, 10_000_000),
  })
  .prefault({});

/** When a sink fails. */
export const retryField = z
  .strictObject({
    first: duration('1 s', 'Pause after the first failure; it doubles', 1, 3_600_000),
    longest: duration('120 s', 'Longest pause', 1, 3_600_000),
    deadline: optionalDuration(
      'After so long without success the rows go to the quarantine; left out: never, the log keeps them',
      0,
    ),
  })
  .prefault({});

/** One delivery. */
export const deliveryField = z.strictObject({
  from: text('The stream that it reads'),
  to: sinkField.meta({ description: 'The sink: `{ type, … }`' }),
  filter: text("Only rows for which this SQL condition is true, such as `event_type = 'click'`").optional(),
  buffer: bufferField.meta({ description: 'What goes out at once' }),
  retry: retryField.meta({ description: 'When the sink fails' }),
  requestsMax: whole(4, 'Most requests under way at once; 1 keeps the order of rows', 1, 64),
  start: z.enum(['oldest', 'newest'], { error: "expected 'oldest' or 'newest'" }).default('oldest').meta({
    description: 'Where a new delivery begins: with the oldest row that the log has, or with what comes',
  }),
});

/** Deliveries by name. */
export const deliveriesField = z
  .record(z.string().regex(NAME, { error: `expected ${NAME_EXAMPLE}` }), deliveryField)
  .default({});

/** One delivery, parsed. */
export type DeliveryValues = z.output<typeof deliveryField>;
