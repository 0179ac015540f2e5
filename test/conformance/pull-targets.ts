/**
 * What every `PullTarget` must do, whatever it is made of. Call `pullConformance` in a test file with a way to
 * make an empty database. The other side is the model feed over real HTTP.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { FeedClient } from '../../src/pull/feed-client.js';
import { Puller } from '../../src/pull/puller.js';
import type { PullTarget } from '../../src/pull/target.js';
import { ModelFeed } from '../pull/model-feed.js';
import { expectedRows, inOrder, type Bench, type TargetUnderTest } from './pull/bench.js';
import { migrating, values, verifying } from './pull/contents.js';
import { guarding } from './pull/guarding.js';
import { loading } from './pull/loading.js';
import { failing, rounds } from './pull/rounds.js';

export { cellText, type TargetUnderTest } from './pull/bench.js';

/** Runs the suite; `make` answers an empty database, made once. */
export function pullConformance(name: string, make: () => Promise<TargetUnderTest>): void {
  describe(`pull target conformance: ${name}`, () => {
    let under: TargetUnderTest;
    let feed: ModelFeed;
    let url = '';
    let views = 0;
    let targets: PullTarget[] = [];
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under?.close());
    beforeEach(async () => {
      feed = new ModelFeed(`traffic ${views++} "x"`);
      url = await feed.listen();
    });
    afterEach(async () => {
      for (const target of targets) await target.close();
      targets = [];
      await feed.close();
    });
    const client = (tenant = 'acme') => new FeedClient({ url, tenant, view: feed.view });
    const rows = async () => inOrder(await under.rows(feed.view));
    const bench = (): Bench => ({
      feed,
      under,
      client,
      rows,
      worker({ seams, tenant, ...options } = {}) {
        const target = under.open(seams);
        targets.push(target);
        return new Puller({ client: client(tenant), target, ...options });
      },
      async agree(tenant = 'acme') {
        expect((await rows()).filter((row) => row['_tenant'] === tenant)).toEqual(expectedRows(feed, tenant));
      },
    });
    loading(bench);
    guarding(bench);
    rounds(bench);
    failing(bench);
    migrating(bench);
    verifying(bench);
    values(bench);
  });
}
