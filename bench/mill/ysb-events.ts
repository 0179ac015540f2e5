/**
 * Events of the Yahoo Streaming Benchmark, as columns: each is of one of the ads, ten of which are a campaign's;
 * a third are views. In 5 of 100 a field is missing, and events come up to two seconds out of order.
 */
import { batchOf, type Column, type ColumnBatch } from '../../src/event/columns.js';
import { Dictionary } from '../../src/event/dictionary.js';
import { constantInteger } from '../../src/event/integers.js';
import { batchFromRows } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { BenchStream } from './plan.js';
import { Seeded } from './random.js';
import type { Arrival } from './rig.js';

/** The events. */
export const EVENTS = defineSchema({
  columns: {
    user_id: 'uuid?',
    page_id: 'uuid?',
    ad_id: 'dictionary?',
    ad_type: 'dictionary?',
    event_type: 'dictionary?',
    event_time: 'timestamp',
    ip_address: 'dictionary?',
  },
  eventTime: 'event_time',
});

/** Which campaign an ad is of. */
export const CAMPAIGNS = defineSchema({ columns: { ad_id: 'string', campaign_id: 'dictionary' } });

/** Both, the second a table. */
export const STREAMS: readonly BenchStream[] = [
  { name: 'campaigns', schema: CAMPAIGNS, key: 'ad_id' },
  { name: 'events', schema: EVENTS },
];

/** How many of each there are. */
export interface YsbSize {
  readonly events: number;
  readonly campaigns: number;
  /** Ads of a campaign: ten, fewer where the ids of all would be more than a segment's dictionary holds. */
  readonly ads: number;
  /** Users; each event is of any. */
  readonly users: number;
}

const START = Date.UTC(2026, 0, 1);
const EVENTS_A_SECOND = 50_000;
const OUT_OF_ORDER_MS = 2_000;
const BATCH_ROWS = 16_384;

/** The name of an ad, and of the campaign that it is of. */
export function adName(ad: number): string {
  return `ad-${(ad * 2_654_435_761) >>> 0}-${ad}`;
}

/** The name of an ad's campaign. */
export function campaignName(ad: number, { ads }: YsbSize): string {
  return `campaign-${Math.floor(ad / ads)}`;
}

/** The table, then the events; the same for the same size. */
export function* ysbArrivals(size: YsbSize): Iterable<Arrival> {
  const all = size.campaigns * size.ads;
  for (let ad = 0; ad < all; ad += BATCH_ROWS) {
    const rows = Array.from({ length: Math.min(BATCH_ROWS, all - ad) }, (_, i) => ({
      ad_id: adName(ad + i),
      campaign_id: campaignName(ad + i, size),
    }));
    yield { stream: 'campaigns', rows: batchFromRows(CAMPAIGNS, rows), atMs: START };
  }
  const make = new EventColumns(size);
  for (let from = 0; from < size.events; from += BATCH_ROWS) {
    const to = Math.min(size.events, from + BATCH_ROWS);
    yield { stream: 'events', rows: make.batch(from, to), atMs: timeOf(to) };
  }
}

/** Makes batches of events of this moment, of 10,000 ads. */
export function eventsNow(rows: number): () => ColumnBatch {
  const make = new EventColumns({ events: 0, campaigns: 1_000, ads: 10, users: 1_000_000 });
  return () => make.at(rows, Date.now());
}

function timeOf(event: number): number {
  return START + 1_000 + Math.floor((event * 1_000) / EVENTS_A_SECOND);
}

function words(texts: readonly string[]): Dictionary {
  const dictionary = new Dictionary();
  for (const text of texts) dictionary.internString(text);
  return dictionary;
}

class EventColumns {
  readonly #size: YsbSize;
  readonly #random = new Seeded(7);
  readonly #ads: Dictionary;
  readonly #adTypes = words(['banner', 'modal', 'sponsored-search', 'mail', 'mobile']);
  readonly #eventTypes = words(['view', 'click', 'purchase']);
  readonly #addresses = words(Array.from({ length: 256 }, (_, i) => `10.1.2.${i}`));

  constructor(size: YsbSize) {
    this.#size = size;
    this.#ads = words(Array.from({ length: size.campaigns * size.ads }, (_, ad) => adName(ad)));
  }

  batch(from: number, to: number): ColumnBatch {
    const rows = to - from;
    const times = Uint32Array.from({ length: rows }, (_, i) => {
      return timeOf(from + i) - START - this.#random.below(OUT_OF_ORDER_MS) + OUT_OF_ORDER_MS;
    });
    return this.#batch(rows, {
      kind: 'integer',
      nulls: null,
      base: BigInt(START - OUT_OF_ORDER_MS),
      width: 4,
      deltas: times,
    });
  }

  /** Rows of one moment. */
  at(rows: number, timeMs: number): ColumnBatch {
    return this.#batch(rows, constantInteger(BigInt(timeMs)));
  }

  #batch(rows: number, times: Column): ColumnBatch {
    return batchOf(EVENTS, rows, [
      this.#uuids(rows, this.#size.users),
      this.#uuids(rows, 1_000_000),
      this.#codes(rows, this.#ads, new Uint16Array(rows)),
      this.#codes(rows, this.#adTypes, new Uint8Array(rows)),
      this.#codes(rows, this.#eventTypes, new Uint8Array(rows)),
      times,
      this.#codes(rows, this.#addresses, new Uint8Array(rows)),
      constantInteger(0n),
    ]);
  }

  #uuids(rows: number, different: number): Column {
    const words = new Uint32Array(rows * 4);
    const nulls = new Uint8Array((rows + 7) >> 3);
    for (let i = 0; i < rows; i++) {
      if (this.#random.below(100) < 5) {
        nulls[i >> 3]! |= 1 << (i & 7);
        continue;
      }
      const id = this.#random.below(different);
      words.set([id, Math.imul(id, 0x9e3779b1), Math.imul(id, 0x85ebca6b), 0xa0a0a0a0], i * 4);
    }
    return { kind: 'uuid', nulls, data: new Uint8Array(words.buffer) };
  }

  #codes(rows: number, dictionary: Dictionary, codes: Uint8Array | Uint16Array): Column {
    const nulls = new Uint8Array((rows + 7) >> 3);
    for (let i = 0; i < rows; i++)
      if (this.#random.below(100) < 5) nulls[i >> 3]! |= 1 << (i & 7);
      else codes[i] = this.#random.below(dictionary.size);
    return { kind: 'dictionary', nulls, codes, dictionary };
  }
}
