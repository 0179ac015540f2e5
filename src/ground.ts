/** What all parts of the machine share: options, the outside world, and what closes what. */
import type { MillraceOptions } from './config/options.js';
import type { Clock } from './io/clock.js';
import type { Disk } from './io/disk.js';
import type { Random } from './io/random.js';
import type { Messages } from './telemetry/messages.js';
import type { Metrics } from './telemetry/metrics.js';
import type { Closers } from './util/closers.js';

/** What the parts share. */
export interface Ground {
  readonly options: MillraceOptions;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly messages: Messages;
  readonly closers: Closers;
}
