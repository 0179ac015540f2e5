/**
 * Samples: files of the configuration that are sent once, through the front door like any client's.
 *
 * `<data>/samples.json` holds how many events of each sample were answered. It is replaced whole
 * after each answer, so a start that follows a crash goes on where the last one was; the request
 * that was under way then is sent again and counts once by its event ids.
 */
import { join } from 'node:path';
import type { MillraceOptions, SampleOptions } from '../config/options.js';
import type { DemoKey } from '../config/tenants-field.js';
import { systemClock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import { MillraceError } from '../util/errors.js';
import type { EventSource } from './inputs/input.js';
import { openInput } from './inputs/open-input.js';
import { sendEvents, type SendTotals } from './send/sender.js';

/** What became of one sample. */
export interface SampleOutcome {
  readonly name: string;
  /** Null: it had been sent before. */
  readonly totals: SendTotals | null;
}

/** Sends the samples that were not sent yet. */
export async function sendSamples(
  config: MillraceOptions,
  url: string,
  disk: Disk,
  signal: AbortSignal,
): Promise<SampleOutcome[]> {
  const progress = new Progress(disk, config.dataFolder);
  const outcomes: SampleOutcome[] = [];
  for (const sample of config.samples) {
    const key = keyFor(config.tenants.demoKeys, sample);
    const done = progress.of(sample.name);
    if (done.complete) {
      outcomes.push({ name: sample.name, totals: null });
      continue;
    }
    const source = skipping(
      await openInput(sample.file, {
        format: sample.format,
        name: sample.name,
        set: {},
        csv: { raw: [], utc: [], rename: {} },
      }),
      done.sent,
    );
    const totals = await sendEvents(source, {
      url,
      stream: sample.stream,
      keyOf: () => key,
      concurrency: 1,
      clock: systemClock,
      random: Math.random,
      signal,
      onProgress: ({ sent }) => progress.set(sample.name, { sent: done.sent + sent, complete: false }),
    });
    if (signal.aborted) break;
    progress.set(sample.name, { sent: done.sent + totals.sent, complete: true });
    outcomes.push({ name: sample.name, totals });
  }
  return outcomes;
}

function keyFor(keys: readonly DemoKey[], { name, tenant }: SampleOptions): string {
  const key =
    keys.find((demo) => demo.tenant === tenant && demo.role === 'ingest') ??
    keys.find((demo) => demo.role === 'operator');
  if (key === undefined)
    throw new MillraceError(
      'CONFIG_INVALID',
      `sample ${name}: expected a demo key of tenant '${tenant}' with role 'ingest'; give it one with \`key:\`, or send the file with \`millrace send\``,
      { place: 'samples' },
    );
  return key.key;
}

/** A source without its first events. */
function skipping(source: EventSource, count: number): EventSource {
  return {
    progress: () => source.progress(),
    groups: (async function* () {
      let left = count;
      for await (const group of source.groups) {
        if (left < group.length) yield left === 0 ? group : group.slice(left);
        left = Math.max(0, left - group.length);
      }
    })(),
  };
}

interface Done {
  /** Events answered. */
  readonly sent: number;
  readonly complete: boolean;
}

class Progress {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #done: Record<string, Done>;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#done = this.#read();
  }

  of(name: string): Done {
    return this.#done[name] ?? { sent: 0, complete: false };
  }

  set(name: string, done: Done): void {
    if (done.sent === this.of(name).sent && done.complete === this.of(name).complete) return;
    this.#done[name] = done;
    const path = join(this.#folder, 'samples.json');
    const beside = `${path}.new`;
    if (this.#disk.exists(beside)) this.#disk.remove(beside);
    const file = this.#disk.open(beside, 'create');
    try {
      file.writeSync(Buffer.from(JSON.stringify(this.#done)), 0);
      file.syncSync();
    } finally {
      file.close();
    }
    this.#disk.rename(beside, path);
    this.#disk.syncDirectory(this.#folder);
  }

  #read(): Record<string, Done> {
    const path = join(this.#folder, 'samples.json');
    if (!this.#disk.exists(path)) return {};
    const file = this.#disk.open(path, 'read');
    try {
      const bytes = new Uint8Array(file.size());
      file.readSync(bytes, 0, bytes.length, 0);
      return JSON.parse(Buffer.from(bytes).toString()) as Record<string, Done>;
    } finally {
      file.close();
    }
  }
}
