/** What the traffic is about: who advertises what, where it shows, who looks at it. */
import { type SeededRandom, WeightedChoice, zipfWeights } from './random.js';

/** A visit: one user on one device, for a while. */
export interface Session {
  /** User, ip, country and user agent, as JSON members with a comma behind. */
  readonly visitor: Buffer;
  readonly bot: boolean;
  /** Impressions still to come. */
  left: number;
}

/** Where an ad was shown, and whose it is. */
export interface Placement {
  /** Position of the tenant: 0 is the largest. */
  readonly tenant: number;
  readonly campaign: number;
  readonly ad: number;
  readonly publisher: number;
  /** Which place on the publisher's page. */
  readonly place: number;
}

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
const SYSTEMS = [
  'Windows NT 10.0; Win64; x64',
  'Macintosh; Intel Mac OS X 10_15_7',
  'X11; Linux x86_64',
  'Linux; Android 14; SM-S918B',
  'Linux; Android 13; Pixel 7',
];
const DECLARED_BOTS = [
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)',
];
const PUBLISHERS = 5000;
const USERS = 10_000_000;

/** Draws visits and placements. */
export class World {
  readonly #random: SeededRandom;
  readonly #tenant: WeightedChoice;
  readonly #country: WeightedChoice;
  readonly #agent: WeightedChoice;
  readonly #agents: readonly string[];
  readonly #publisher: WeightedChoice;
  readonly #botShare: number;

  /** `tenants`: how many; their sizes follow Zipf's law. */
  constructor(random: SeededRandom, tenants: number, botShare: number) {
    this.#random = random;
    this.#tenant = new WeightedChoice(random, zipfWeights(tenants, 1));
    this.#country = new WeightedChoice(random, zipfWeights(COUNTRIES.length, 0.9));
    this.#agents = browsers();
    this.#agent = new WeightedChoice(random, zipfWeights(this.#agents.length, 1));
    this.#publisher = new WeightedChoice(random, zipfWeights(PUBLISHERS, 0.8));
    this.#botShare = botShare;
  }

  /** A new visit. A bot looks at far more than a person; every other bot doesn't say that it is one. */
  session(): Session {
    const random = this.#random;
    const bot = random.chance(this.#botShare);
    const agent =
      bot && random.chance(0.5)
        ? DECLARED_BOTS[random.below(DECLARED_BOTS.length)]!
        : this.#agents[this.#agent.next()]!;
    const bits = random.bits();
    const ip = `${1 + ((bits >>> 24) % 223)}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
    const country = COUNTRIES[this.#country.next()]!;
    return {
      visitor: Buffer.from(
        `"user_id":"u${random.below(USERS)}","ip":"${ip}","country":"${country}","user_agent":"${agent}",`,
      ),
      bot,
      left: 1 + Math.floor(random.exponential(bot ? 60 : 6)),
    };
  }

  /** Where the next ad shows. */
  placement(): Placement {
    const random = this.#random;
    const t = this.#tenant.next();
    // A larger advertiser runs more campaigns.
    const campaign = random.below(2 + Math.floor(200 / (t + 1)));
    const ad = campaign * 5 + random.below(5);
    return { tenant: t, campaign, ad, publisher: this.#publisher.next(), place: random.below(4) };
  }
}

function browsers(): string[] {
  const agents: string[] = [];
  for (let version = 126; version > 96; version--)
    for (const system of SYSTEMS)
      agents.push(
        `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`,
      );
  return agents;
}
