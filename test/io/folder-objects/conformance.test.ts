import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realDisk } from '../../../src/io/disk-real.js';
import { systemClock } from '../../../src/io/clock.js';
import { openFolderStore } from '../../../src/io/folder-objects/store.js';
import { systemRandom } from '../../../src/io/random.js';
import { objectConformance } from '../../conformance/objects.js';

objectConformance('folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-objects-'));
  const open = (owner: string) =>
    openFolderStore({
      root: join(folder, 'new', 'store'),
      owner,
      disk: realDisk,
      clock: systemClock,
      random: systemRandom,
    });
  const store = open('first');
  return {
    store,
    openAgain: () => open('second'),
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});
