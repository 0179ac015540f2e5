import { afterAll } from 'vitest';
import { connectLog } from '../../src/log/remote.js';
import { logConformance } from '../conformance/log.js';
import { freshFolder, open, removeFolders } from './support.js';

afterAll(removeFolders);

const options = { segmentBytes: 1 << 18, firstSegmentBytes: 1 << 15 };

logConformance('embedded, in the thread that owns it', async () => {
  const log = await open(freshFolder(), { options });
  return { log, createStream: (definition) => log.createStream(definition), close: () => log.close() };
});

logConformance('embedded, in another thread', async () => {
  const owner = await open(freshFolder(), { options });
  const log = await connectLog(owner.remotePort());
  return {
    log,
    createStream: (definition) => log.createStream(definition),
    async close() {
      log.close();
      await owner.close();
    },
  };
});
