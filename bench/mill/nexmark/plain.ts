/** Nexmark's queries as one would write them over parsed events with Maps: their answers, and a baseline. */
import type { Event, Plain } from '../compare.js';

type Row = readonly unknown[];
type Bid = Record<'auction' | 'bidder' | 'price' | 'date_time' | 'received_at', number> &
  Record<'channel' | 'url' | 'extra', string>;
type Auction = Record<'id' | 'date_time' | 'expires' | 'seller' | 'category', number> & { item_name: string };
type Person = Record<'id' | 'date_time', number> & Record<'name' | 'city' | 'state', string>;

const WINDOW_MS = 10_000;
const SLIDE_MS = 2_000;

function* of<T>(events: Iterable<Event>, stream: string): Iterable<T> {
  for (const event of events) if (event['stream'] === stream) yield event as unknown as T;
}

/** A query that gives each bid's rows by itself. */
function each(rows: (bid: Bid) => Row | null): Plain {
  return function* (events) {
    for (const bid of of<Bid>(events, 'bid')) {
      const row = rows(bid);
      if (row !== null) yield row;
    }
  };
}

/** Bids, auctions and people by what they are joined by. */
function kept(events: Iterable<Event>) {
  const bids = new Map<number, Bid[]>();
  const auctions: Auction[] = [];
  const people = new Map<number, Person>();
  for (const event of events) {
    if (event['stream'] === 'auction') auctions.push(event as unknown as Auction);
    else if (event['stream'] === 'person') people.set(event['id']!, event as unknown as Person);
    else if (event['stream'] === 'bid') listed(bids, event['auction']!, event as unknown as Bid);
  }
  return { auctions, bids, people };
}

function listed<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** The value of a key; a new one where there is none. */
function at<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

/** Each auction with the bids in its time, the best first. */
function* withBids(events: Iterable<Event>): Iterable<{ auction: Auction; bids: Bid[] }> {
  const { auctions, bids } = kept(events);
  for (const auction of auctions) {
    const own = (bids.get(auction.id) ?? []).filter(
      ({ date_time }) => date_time >= auction.date_time && date_time <= auction.expires,
    );
    if (own.length > 0) yield { auction, bids: own.sort(byPrice) };
  }
}

function byPrice(a: Bid, b: Bid): number {
  return b.price - a.price || a.date_time - b.date_time || a.bidder - b.bidder;
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function minuteOf(time: number): string {
  return new Date(time).toISOString().slice(11, 16);
}

function windowOf(time: number, size: number): number {
  return Math.floor(time / size) * size;
}

/** 0.908 of a price, exactly. */
function converted(price: number): number {
  return (price * 908) / 1000;
}

function* q3(events: Iterable<Event>): Iterable<Row> {
  const { auctions, people } = kept(events);
  for (const { category, id, seller } of auctions) {
    const person = people.get(seller);
    if (category === 10 && person !== undefined && ['OR', 'ID', 'CA'].includes(person.state))
      yield [person.name, person.city, person.state, id];
  }
}

function* q4(events: Iterable<Event>): Iterable<Row> {
  const categories = new Map<number, number[]>();
  for (const { auction, bids } of withBids(events)) listed(categories, auction.category, bids[0]!.price);
  for (const [category, prices] of categories) yield [category, rounded(prices)];
}

/** An average of integers with 16 digits that count, as SQL's numeric has it, rounded to what a double tells. */
function rounded(prices: readonly number[]): number {
  return prices.reduce((sum, price) => sum + price, 0) / prices.length;
}

function* q5(events: Iterable<Event>): Iterable<Row> {
  const windows = new Map<number, Map<number, number>>();
  for (const { auction, date_time } of of<Bid>(events, 'bid')) {
    const last = windowOf(date_time, SLIDE_MS);
    for (let start = last; start > last - WINDOW_MS; start -= SLIDE_MS) {
      const counts = at(windows, start, () => new Map<number, number>());
      counts.set(auction, (counts.get(auction) ?? 0) + 1);
    }
  }
  for (const [start, counts] of windows) {
    const most = Math.max(...counts.values());
    for (const [auction, count] of counts) if (count === most) yield [auction, count, start, start + WINDOW_MS];
  }
}

function* q6(events: Iterable<Event>): Iterable<Row> {
  const sellers = new Map<number, { id: number; closed: number; price: number }[]>();
  for (const { auction, bids } of withBids(events)) {
    const { date_time: closed, price } = bids[0]!;
    listed(sellers, auction.seller, { id: auction.id, closed, price });
  }
  for (const [seller, list] of sellers) {
    list.sort((a, b) => a.closed - b.closed || a.id - b.id);
    for (let i = 0; i < list.length; i++)
      yield [seller, list[i]!.id, rounded(list.slice(Math.max(0, i - 9), i + 1).map(({ price }) => price))];
  }
}

function* q7(events: Iterable<Event>): Iterable<Row> {
  const windows = new Map<number, Bid[]>();
  for (const bid of of<Bid>(events, 'bid')) {
    const best = at(windows, windowOf(bid.date_time, WINDOW_MS), () => [] as Bid[]);
    if (best.length > 0 && bid.price > best[0]!.price) best.length = 0;
    if (best.length === 0 || bid.price === best[0]!.price) best.push(bid);
  }
  for (const [start, best] of windows)
    for (const { auction, bidder, date_time, extra, price } of best)
      yield [auction, price, bidder, date_time, extra, start + WINDOW_MS];
}

function* q8(events: Iterable<Event>): Iterable<Row> {
  const sellers = new Set<string>();
  const people: Person[] = [];
  for (const event of events) {
    if (event['stream'] === 'person') people.push(event as unknown as Person);
    if (event['stream'] === 'auction') sellers.add(`${event['seller']} ${windowOf(event['date_time']!, WINDOW_MS)}`);
  }
  for (const { date_time, id, name } of people) {
    const start = windowOf(date_time, WINDOW_MS);
    if (sellers.has(`${id} ${start}`)) yield [id, name, start, start + WINDOW_MS];
  }
}

function* q9(events: Iterable<Event>): Iterable<Row> {
  for (const { auction, bids } of withBids(events)) {
    const { bidder, date_time, price } = bids[0]!;
    yield [auction.id, auction.item_name, auction.seller, auction.category, bidder, price, date_time];
  }
}

function* q11(events: Iterable<Event>): Iterable<Row> {
  const sessions = new Map<number, { bids: number; start: number; end: number }>();
  for (const { bidder, date_time } of of<Bid>(events, 'bid')) {
    const session = sessions.get(bidder);
    if (session !== undefined && date_time < session.end) {
      session.bids++;
      session.end = date_time + WINDOW_MS;
      continue;
    }
    if (session !== undefined) yield [bidder, session.bids, session.start, session.end];
    sessions.set(bidder, { bids: 1, start: date_time, end: date_time + WINDOW_MS });
  }
  for (const [bidder, { bids, end, start }] of sessions) yield [bidder, bids, start, end];
}

function* q12(events: Iterable<Event>): Iterable<Row> {
  const groups = new Map<string, { bidder: number; bids: number; start: number }>();
  for (const { bidder, received_at } of of<Bid>(events, 'bid')) {
    const start = windowOf(received_at, WINDOW_MS);
    at(groups, `${bidder} ${start}`, () => ({ bidder, bids: 0, start })).bids++;
  }
  for (const { bidder, bids, start } of groups.values()) yield [bidder, bids, start, start + WINDOW_MS];
}

function* q13(events: Iterable<Event>): Iterable<Row> {
  const values = new Map<number, string>();
  for (const event of events) {
    if (event['stream'] === 'side_input') values.set(event['key']!, event['value']!);
    if (event['stream'] !== 'bid') continue;
    const { auction, bidder, date_time, price } = event as unknown as Bid;
    const value = values.get(auction % 10_000);
    if (value !== undefined) yield [auction, bidder, price, date_time, value];
  }
}

function q14({ auction, bidder, date_time, extra, price }: Bid): Row | null {
  const cost = converted(price);
  if (cost <= 1_000_000 || cost >= 50_000_000) return null;
  const hour = new Date(date_time).getUTCHours();
  const type = hour >= 8 && hour <= 18 ? 'dayTime' : hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime';
  return [auction, bidder, cost, type, date_time, extra, extra.split('c').length - 1];
}

/** Numbers of a group of bids. */
class Statistics {
  total = 0;
  readonly ranks = [0, 0, 0];
  readonly bidders = new Set<number>();
  readonly rankBidders = [new Set<number>(), new Set<number>(), new Set<number>()];
  readonly auctions = new Set<number>();
  minute = '';
  min = Infinity;
  max = -Infinity;
  sum = 0;

  add({ auction, bidder, date_time, price }: Bid): void {
    const rank = price < 10_000 ? 0 : price < 1_000_000 ? 1 : 2;
    this.total++;
    this.ranks[rank]!++;
    this.bidders.add(bidder);
    this.rankBidders[rank]!.add(bidder);
    this.auctions.add(auction);
    this.sum += price;
    if (price < this.min) this.min = price;
    if (price > this.max) this.max = price;
    const minute = minuteOf(date_time);
    if (minute > this.minute) this.minute = minute;
  }
}

/** Statistics of the bids of each day, and of one of their columns. */
function* statistics(events: Iterable<Event>, column: 'auction' | 'channel' | null) {
  const groups = new Map<string, { key: unknown; day: string; numbers: Statistics }>();
  for (const bid of of<Bid>(events, 'bid')) {
    const day = dayOf(bid.date_time);
    const key = column === null ? null : bid[column];
    at(groups, `${key} ${day}`, () => ({ key, day, numbers: new Statistics() })).numbers.add(bid);
  }
  yield* groups.values();
}

function* q15(events: Iterable<Event>): Iterable<Row> {
  for (const { day, numbers } of statistics(events, null)) {
    const { auctions, bidders, rankBidders, ranks, total } = numbers;
    yield [day, total, ...ranks, bidders.size, ...rankBidders.map(({ size }) => size), auctions.size];
  }
}

function* q16(events: Iterable<Event>): Iterable<Row> {
  for (const { day, key, numbers } of statistics(events, 'channel')) {
    const { auctions, bidders, minute, rankBidders, ranks, total } = numbers;
    yield [key, day, minute, total, ranks[0], bidders.size, rankBidders[0]!.size, auctions.size];
  }
}

function* q17(events: Iterable<Event>): Iterable<Row> {
  for (const { day, key, numbers } of statistics(events, 'auction')) {
    const { max, min, ranks, sum, total } = numbers;
    yield [key, day, total, ...ranks, min, max, sum / total, sum];
  }
}

function* q18(events: Iterable<Event>): Iterable<Row> {
  const last = new Map<string, Bid>();
  for (const bid of of<Bid>(events, 'bid')) {
    const key = `${bid.bidder} ${bid.auction}`;
    const before = last.get(key);
    if (before === undefined || (bid.date_time - before.date_time || bid.price - before.price) > 0) last.set(key, bid);
  }
  for (const { auction, bidder, date_time, price } of last.values()) yield [auction, bidder, price, date_time];
}

function* q19(events: Iterable<Event>): Iterable<Row> {
  for (const bids of kept(events).bids.values())
    for (const [i, { auction, bidder, date_time, price }] of bids.sort(byPrice).slice(0, 10).entries())
      yield [auction, bidder, price, date_time, i + 1];
}

function* q20(events: Iterable<Event>): Iterable<Row> {
  const { auctions, bids } = kept(events);
  for (const { category, date_time: begun, id, item_name, seller } of auctions) {
    if (category !== 10) continue;
    for (const { bidder, date_time, price } of bids.get(id) ?? [])
      if (date_time >= begun - 1_000 && date_time <= begun + WINDOW_MS)
        yield [id, bidder, price, date_time, item_name, seller, category];
  }
}

const KNOWN_CHANNELS: Readonly<Record<string, string>> = { apple: '0', google: '1', facebook: '2', baidu: '3' };

function q21({ auction, bidder, channel, price, url }: Bid): Row | null {
  const id = KNOWN_CHANNELS[channel.toLowerCase()] ?? /(?:&|^)channel_id=([^&]*)/.exec(url)?.[1];
  return id === undefined ? null : [auction, bidder, price, channel, id];
}

function q22({ auction, bidder, channel, price, url }: Bid): Row {
  const parts = url.split('/');
  return [auction, bidder, price, channel, parts[3], parts[4], parts[5]];
}

/** All of them, by number. */
export const PLAIN: readonly Plain[] = [
  each(({ auction, bidder, date_time, extra, price }) => [auction, bidder, price, date_time, extra]),
  each(({ auction, bidder, date_time, extra, price }) => [auction, bidder, converted(price), date_time, extra]),
  each(({ auction, price }) => (auction % 123 === 0 ? [auction, price] : null)),
  q3,
  q4,
  q5,
  q6,
  q7,
  q8,
  q9,
  each(({ auction, bidder, date_time, extra, price }) => {
    return [auction, bidder, price, date_time, extra, dayOf(date_time), minuteOf(date_time)];
  }),
  q11,
  q12,
  q13,
  each(q14),
  q15,
  q16,
  q17,
  q18,
  q19,
  q20,
  each(q21),
  each(q22),
];
