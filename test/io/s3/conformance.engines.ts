import { systemClock } from '../../../src/io/clock.js';
import { systemRandom } from '../../../src/io/random.js';
import { openS3Store } from '../../../src/io/s3/store.js';
import { objectConformance } from '../../conformance/objects.js';
import { describeWith } from '../../engines/missing.js';
import { startS3 } from '../../engines/s3.js';

describeWith(['s3'], 'against a real S3 server', () => {
  objectConformance('S3', async () => {
    const server = await startS3();
    await server.makeBucket('bucket');
    const { endpoint, region } = server;
    const open = () =>
      openS3Store({
        bucket: 'bucket',
        endpoint,
        region,
        credentials: () => server,
        clock: systemClock,
        random: systemRandom,
        partBytes: 5 * 1024 * 1024,
      });
    const store = open();
    return {
      store,
      openAgain: open,
      async close() {
        await store.close();
        await server.stop();
      },
    };
  });
});
