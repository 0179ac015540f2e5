/** Seeded ad events for benches: about 400 bytes of JSON each, zipf tenants, repeated agents and sites. */

/** A small seeded generator of numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One event of the `adEvents()` schema, as a client would send it. */
export type AdRow = Record<string, unknown>;

/** `count` events in order of time. */
export function adRows(count: number, seed = 1): AdRow[] {
  const random = seeded(seed);
  const pick = (size: number) => Math.floor(random() * size);
  const zipf = (size: number) => Math.floor(size ** random()) - 1;
  const hex = (digits: number) => Array.from({ length: digits }, () => pick(16).toString(16)).join('');
  return Array.from({ length: count }, (_, i) => {
    const tenant = zipf(15_000);
    const ad = tenant * 10 + zipf(10);
    const kind = random() < 0.9 ? 'impression' : random() < 0.95 ? 'click' : 'conversion';
    return {
      event_id: `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
      event_type: kind,
      event_time: 1_750_000_000_000 + i * 2 - pick(5_000),
      tenant_id: `adv-${String(tenant).padStart(6, '0')}`,
      campaign_id: `cmp-${ad >> 1}`,
      ad_id: `ad-${ad}`,
      publisher_id: `pub-${zipf(500)}`,
      user_id: `u${hex(14)}`,
      ip: `${pick(223) + 1}.${pick(256)}.${pick(256)}.${pick(256)}`,
      country: ['DE', 'US', 'FR', 'GB', 'IN', 'BR', 'JP'][zipf(7)],
      user_agent: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${100 + zipf(30)}.0.${zipf(50)}.0 Safari/537.36`,
      url: `https://site${zipf(2_000)}.example/news/${pick(100_000)}?ref=${hex(6)}`,
      cost: (pick(5_000_000) / 1e6).toFixed(6),
    };
  });
}
