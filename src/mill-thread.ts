/** Where the mill's thread begins: the mill, and the lake below its log. */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { realDisk } from './io/disk-real.js';
import { openCatalog } from './lake/catalog.js';
import { ColumnCache } from './lake/column-cache.js';
import { withHistory } from './lake/history.js';
import { LAKE_FOLDER } from './lake/options.js';
import { serveMill, type MillThreadData } from './mill/thread.js';

if (parentPort !== null) {
  const data = workerData as MillThreadData;
  const catalog = openCatalog(realDisk, join(data.dataFolder, LAKE_FOLDER));
  const source = { disk: realDisk, catalog, cache: new ColumnCache() };
  serveMill(parentPort, data, (log, from) => withHistory(log, source, from));
}
