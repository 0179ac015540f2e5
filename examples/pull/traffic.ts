/** Clicks as they come in life: most at once, some minutes late, some requests twice. */

/** The advertisers. */
export const TENANTS = ['acme', 'bolt', 'core'] as const;

/** One of them. */
export type Tenant = (typeof TENANTS)[number];

interface Click {
  readonly id: string;
  readonly tenant: Tenant;
  readonly at: number;
  readonly campaign: string;
  readonly user: string;
  readonly cost: string;
}

/** Oldest click, ms: well within the ten minutes in which it corrects its window. */
const LATE_MS_MAX = 300_000;
const REQUESTS_A_SECOND = 12;
const CLICKS_A_REQUEST = 40;

/** Sends clicks, and counts them. */
export class Traffic {
  /** Each click once. */
  clicks = 0;
  /** Clicks whose window was over when they came. */
  late = 0;
  /** Clicks in requests that were sent again. */
  repeated = 0;
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** About half a second of requests. Returns when all are on disk. */
  async burst(): Promise<void> {
    for (let request = 0; request < REQUESTS_A_SECOND; request++) {
      const clicks = Array.from({ length: CLICKS_A_REQUEST }, () => this.#click());
      await this.#send(clicks);
      // As after an answer that was lost on its way.
      if (request % 5 === 0) {
        await this.#send(clicks);
        this.repeated += clicks.length;
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  #click(): Click {
    const isLate = Math.random() < 0.05;
    if (isLate) this.late += 1;
    this.clicks += 1;
    const age = isLate ? 20_000 + Math.random() * (LATE_MS_MAX - 20_000) : Math.random() * 500;
    return {
      id: `click-${this.clicks}`,
      tenant: TENANTS[Math.floor(Math.random() ** 2 * TENANTS.length)]!,
      at: Math.floor(Date.now() - age),
      campaign: `campaign ${Math.floor(Math.random() * 20)}`,
      user: `user ${Math.floor(Math.random() * 5_000)}`,
      cost: (Math.random() * 2).toFixed(4),
    };
  }

  async #send(clicks: readonly Click[]): Promise<void> {
    const answer = await fetch(`${this.#url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#key}` },
      body: clicks.map((click) => JSON.stringify(click)).join('\n'),
    });
    if (answer.status !== 200) throw new Error(`the clicks were not taken: ${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
  }
}
