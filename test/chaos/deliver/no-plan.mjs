/**
 * Control: cuts go out although their ranges are not committed. After a kill the rows are cut
 * anew, so objects get other keys and rows are in two of them.
 */
import { OwnedLog } from '../../../dist/log/embedded/embedded-log.js';

const whole = OwnedLog.prototype.append;
OwnedLog.prototype.append = function withoutPlan(group) {
  if (group.reader === undefined || !group.reader.id.startsWith('deliver.')) return whole.call(this, group);
  const state = JSON.parse(new TextDecoder().decode(group.reader.state));
  const reader = { ...group.reader, state: new TextEncoder().encode(JSON.stringify({ ...state, planned: [] })) };
  return whole.call(this, { ...group, reader });
};
