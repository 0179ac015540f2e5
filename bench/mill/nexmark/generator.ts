/**
 * The events of Nexmark: an auction house. Of 50 events one is a new person, three are auctions, 46 are bids.
 *
 * Ratios, ids and prices are those of the generators of Apache Beam (`sdks/java/testing/nexmark`) and of Flink's
 * port of it: half of the bids go to the hot auction of the moment, three of four come from the hot bidder, three
 * of four auctions are the hot seller's. An event comes every 100 µs.
 */
import { createDecoder } from '../../../src/collect/decode/decoder.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { batchFromRows } from '../../../src/event/rows.js';
import type { BenchStream } from '../plan.js';
import { Seeded } from '../random.js';
import type { Arrival } from '../rig.js';

const PERSON = defineSchema({
  columns: {
    id: 'int64',
    name: 'string',
    email_address: 'string',
    credit_card: 'string',
    city: 'dictionary',
    state: 'dictionary',
    date_time: 'timestamp',
    extra: 'string',
  },
  eventTime: 'date_time',
});

const AUCTION = defineSchema({
  columns: {
    id: 'int64',
    item_name: 'string',
    description: 'string',
    initial_bid: 'int64',
    reserve: 'int64',
    date_time: 'timestamp',
    expires: 'timestamp',
    seller: 'int64',
    category: 'int64',
    extra: 'string',
  },
  eventTime: 'date_time',
});

const BID = defineSchema({
  columns: {
    auction: 'int64',
    bidder: 'int64',
    price: 'int64',
    channel: 'dictionary',
    url: 'string',
    date_time: 'timestamp',
    extra: 'string',
  },
  eventTime: 'date_time',
});

/** What query 13 looks up. */
const SIDE_INPUT = defineSchema({ columns: { key: 'int64', value: 'dictionary' } });

/** The streams, and the table of query 13. */
export const STREAMS: readonly BenchStream[] = [
  { name: 'side_input', schema: SIDE_INPUT, key: 'key' },
  { name: 'person', schema: PERSON },
  { name: 'auction', schema: AUCTION },
  { name: 'bid', schema: BID },
];

/** Rows of the table of query 13. */
export const SIDE_INPUT_ROWS = 10_000;

const START = Date.UTC(2026, 0, 1);
const EVENT_EVERY_MS = 0.1;
/** Events between two commits. */
const COMMIT_EVENTS = 10_000;
const PROPORTION = 50;
const PERSONS = 1;
const AUCTIONS = 3;
const FIRST_ID = 1_000;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;
const ID_LEAD = 10;
const ACTIVE_PEOPLE = 1_000;
const AUCTIONS_IN_FLIGHT = 100;
/** One of so many is not of the hot auction, bidder, seller, channel. */
const HOT_AUCTION = 2;
const HOT_BIDDER = 4;
const HOT_SELLER = 4;
const HOT_CHANNEL = 2;
/** Every so many ids one is hot. */
const HOT_EVERY = 100;
const CHANNELS = 10_000;
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'];
const CITIES = [
  'Phoenix',
  'Los Angeles',
  'San Francisco',
  'Boise',
  'Portland',
  'Bend',
  'Redmond',
  'Seattle',
  'Kent',
  'Cheyenne',
];
const FIRST_NAMES = ['Peter', 'Paul', 'Luke', 'John', 'Saul', 'Vicky', 'Kate', 'Julie', 'Sarah', 'Deiter', 'Walter'];
const LAST_NAMES = ['Shultz', 'Abrams', 'Spencer', 'White', 'Bartels', 'Walton', 'Smith', 'Jones', 'Noris'];
/** Bytes that each kind of event is filled up to, about. */
const PERSON_BYTES = 200;
const AUCTION_BYTES = 500;
const BID_BYTES = 100;

/** The table, then the first `events` events; the same for the same number. */
export function* nexmarkArrivals(events: number): Iterable<Arrival> {
  const sides = Array.from({ length: SIDE_INPUT_ROWS }, (_, key) => ({ key, value: `value-${key}` }));
  yield { stream: 'side_input', rows: batchFromRows(SIDE_INPUT, sides), atMs: START };
  const decoders = STREAMS.slice(1).map(({ name, schema }) => ({ name, decoder: createDecoder(schema) }));
  const generator = new Generator();
  for (let from = 0; from < events; from += COMMIT_EVENTS) {
    const to = Math.min(events, from + COMMIT_EVENTS);
    const lines: Record<string, string[]> = { person: [], auction: [], bid: [] };
    for (let event = from; event < to; event++) {
      const [stream, value] = generator.event(event);
      lines[stream]!.push(JSON.stringify(value));
    }
    for (const { decoder, name } of decoders) {
      if (lines[name]!.length === 0) continue;
      const { batch, errors } = decoder.decode(Buffer.from(`${lines[name]!.join('\n')}\n`));
      if (errors.length > 0) throw new Error(`${name}: ${JSON.stringify(errors[0])}`);
      yield { stream: name, rows: batch, atMs: timeOf(to) };
    }
  }
}

function timeOf(event: number): number {
  return START + Math.floor(event * EVENT_EVERY_MS);
}

class Generator {
  readonly #random = new Seeded(42);
  readonly #urls = Array.from({ length: CHANNELS }, (_, channel) => this.#url(channel));

  event(event: number): ['person' | 'auction' | 'bid', Record<string, unknown>] {
    const at = event % PROPORTION;
    if (at < PERSONS) return ['person', this.#person(event)];
    return at < PERSONS + AUCTIONS ? ['auction', this.#auction(event)] : ['bid', this.#bid(event)];
  }

  #person(event: number): Record<string, unknown> {
    const name = `${this.#of(FIRST_NAMES)} ${this.#of(LAST_NAMES)}`;
    const card = Array.from({ length: 4 }, () => String(this.#random.below(10_000)).padStart(4, '0')).join(' ');
    const person = {
      id: FIRST_ID + lastPerson(event),
      name,
      email_address: `${this.#text(7)}@${this.#text(5)}.com`,
      credit_card: card,
      city: this.#of(CITIES),
      state: this.#of(STATES),
      date_time: timeOf(event),
    };
    return { ...person, extra: this.#text(PERSON_BYTES - 8 - name.length - 16 - card.length - 14) };
  }

  #auction(event: number): Record<string, unknown> {
    const initial = this.#price();
    const isHot = this.#random.below(HOT_SELLER) > 0;
    const seller = isHot ? Math.floor(lastPerson(event) / HOT_EVERY) * HOT_EVERY : this.#anyPerson(event);
    const item = this.#text(20);
    const description = this.#text(100);
    // Until about as many more auctions have begun as are in flight.
    const horizon = timeOf(event + Math.floor((AUCTIONS_IN_FLIGHT * PROPORTION) / AUCTIONS)) - timeOf(event);
    return {
      id: FIRST_ID + lastAuction(event),
      item_name: item,
      description,
      initial_bid: initial,
      reserve: initial + this.#price(),
      date_time: timeOf(event),
      expires: timeOf(event) + 1 + this.#random.below(Math.max(1, horizon * 2)),
      seller: FIRST_ID + seller,
      category: FIRST_CATEGORY + this.#random.below(CATEGORIES),
      extra: this.#text(AUCTION_BYTES - item.length - description.length - 48),
    };
  }

  #bid(event: number): Record<string, unknown> {
    const last = lastAuction(event);
    const auction =
      this.#random.below(HOT_AUCTION) > 0 ? Math.floor(last / HOT_EVERY) * HOT_EVERY : this.#anyAuction(last);
    const bidder =
      this.#random.below(HOT_BIDDER) > 0
        ? Math.floor(lastPerson(event) / HOT_EVERY) * HOT_EVERY + 1
        : this.#anyPerson(event);
    const price = this.#price();
    const isHot = this.#random.below(HOT_CHANNEL) > 0;
    const hot = this.#random.below(HOT_CHANNELS.length);
    const any = this.#random.below(CHANNELS);
    return {
      auction: FIRST_ID + auction,
      bidder: FIRST_ID + bidder,
      price,
      channel: isHot ? HOT_CHANNELS[hot] : `channel-${any}`,
      url: this.#urls[isHot ? hot : any],
      date_time: timeOf(event),
      extra: this.#text(BID_BYTES - 32),
    };
  }

  #anyPerson(event: number): number {
    const people = lastPerson(event) + 1;
    const active = Math.min(people, ACTIVE_PEOPLE);
    return people - active + this.#random.below(active + ID_LEAD);
  }

  #anyAuction(last: number): number {
    const first = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
    return first + this.#random.below(last - first + 1 + ID_LEAD);
  }

  #price(): number {
    return Math.round(10 ** (this.#random.fraction() * 6) * 100);
  }

  #url(channel: number): string {
    const path = [this.#text(3), this.#text(4), this.#text(5)].join('/');
    const id = this.#random.below(10) > 0 ? `&channel_id=${Math.abs(channel * 7_919)}` : '';
    return `https://www.nexmark.com/${path}/item.htm?query=1${id}`;
  }

  #of(list: readonly string[]): string {
    return list[this.#random.below(list.length)]!;
  }

  /** Lower case letters, about `length` of them: between 80 and 120 %. */
  #text(length: number): string {
    let text = '';
    const wanted = Math.max(1, Math.round(length * (0.8 + this.#random.fraction() * 0.4)));
    while (text.length < wanted) {
      let bits = this.#random.bits();
      for (let i = 0; i < 6; i++, bits >>>= 5) text += LETTERS[bits & 31]!;
    }
    return text.slice(0, wanted);
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzcceeaa';

/** The number of the newest person, event `event` included. */
function lastPerson(event: number): number {
  const epoch = Math.floor(event / PROPORTION);
  return epoch * PERSONS + Math.min(event % PROPORTION, PERSONS - 1);
}

/** The number of the newest auction, event `event` included. */
function lastAuction(event: number): number {
  const epoch = Math.floor(event / PROPORTION);
  const at = event % PROPORTION;
  if (at < PERSONS) return Math.max(0, epoch * AUCTIONS - 1);
  return epoch * AUCTIONS + Math.min(at - PERSONS, AUCTIONS - 1);
}
