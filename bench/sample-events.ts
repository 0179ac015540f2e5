/** Ad events as text, about 376 bytes and 14 fields, zipf advertisers; the same for the same arguments. */
export function sampleEvents(count: number, twisted: number, seed = 1): string[] {
  const random = generator(seed);
  const pick = (n: number) => Math.floor(random() * n);
  const advertiser = zipf(1000, 1, random);
  const agent = zipf(5000, 1, random);
  const events: string[] = [];
  for (let i = 0; i < count; i++) {
    const ad = pick(100_000);
    const fields: [string, unknown][] = [
      ['event_id', uuid(random)],
      ['event_type', TYPES[pick(TYPES.length)]],
      ['event_time', 1_760_000_000_000 + Math.floor(i / 100) + pick(500)],
      ['tenant_id', `t${advertiser()}`],
      ['campaign_id', `c${Math.floor(ad / 100)}`],
      ['ad_id', `a${ad % 20_000}`],
      ['publisher_id', `p${pick(5000)}`],
      ['user_id', `u${pick(1e7)}`],
      ['ip', `${pick(223) + 1}.${pick(256)}.${pick(256)}.${pick(256)}`],
      ['country', COUNTRIES[Math.floor(random() * random() * COUNTRIES.length)]],
      ['user_agent', `Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0.${agent()}.0 Safari/537.36`],
      ['url', `https://pub${pick(5000)}.example/a/${pick(100_000)}`],
      ['cost', Math.floor(random() * 50_000) / 10_000],
    ];
    events.push(
      random() < twisted
        ? twist(fields, twisted === 1 ? 0 : pick(3), random)
        : JSON.stringify(Object.fromEntries(fields)),
    );
  }
  return events;
}

const TYPES = [
  'impression',
  'impression',
  'impression',
  'impression',
  'impression',
  'impression',
  'impression',
  'click',
  'click',
  'conversion',
];
const COUNTRIES = [
  'US',
  'GB',
  'DE',
  'FR',
  'BR',
  'IN',
  'JP',
  'MX',
  'CA',
  'AU',
  'ES',
  'IT',
  'NL',
  'SE',
  'PL',
  'TR',
  'ID',
  'VN',
  'KR',
  'ZA',
];

function twist(fields: [string, unknown][], how: number, random: () => number): string {
  if (how === 0) {
    for (let i = fields.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [fields[i], fields[j]] = [fields[j]!, fields[i]!];
    }
    return JSON.stringify(Object.fromEntries(fields));
  }
  const nulled = fields.map(([name, value]) => [name, how === 2 && name === 'country' ? null : value]);
  const text = JSON.stringify(Object.fromEntries(nulled));
  return how === 1 ? text.replace('https://', 'https:\\/\\/') : text;
}

/** mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function zipf(n: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) sums[i] = sum += 1 / (i + 1) ** exponent;
  return () => {
    const target = random() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 4 }, () =>
    Math.floor(random() * 4_294_967_296)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
