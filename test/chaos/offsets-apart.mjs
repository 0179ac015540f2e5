/**
 * Control of the kill harness: loaded into the server, it commits a reader's positions apart from
 * its outputs, the mistake that one commit exists to prevent. The pause widens the gap.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OwnedLog } from '../../dist/log/embedded/embedded-log.js';

const together = OwnedLog.prototype.append;
OwnedLog.prototype.append = async function apart(group) {
  if (group.reader === undefined || group.batches.length === 0) return together.call(this, group);
  const result = await together.call(this, { batches: group.batches });
  await sleep(150);
  await together.call(this, { batches: [], reader: group.reader });
  return result;
};
