import { hashBytes } from '../../event/dictionary.js';
import { writeKey } from '../kernels/keys.js';
import { ByteWriter } from '../../util/bytes.js';
import { SealedGroups } from '../state/sealed-groups.js';
import type { WindowTable } from '../state/window-table.js';
import { writeGroup } from './view-state.js';
import type { ViewState } from './view-state.js';

/** Groups encoded before the thread is given back. */
const SLICE_GROUPS = 2_048;

/**
 * A sealed table's groups as the closed store takes them. Works in slices: nothing changes a sealed
 * table, and a compaction of the pool between two slices renames its ids consistently.
 */
export async function sealedGroups(
  state: ViewState,
  table: WindowTable,
  giveWay: () => Promise<void>,
): Promise<SealedGroups> {
  const sealed = new SealedGroups(table.start);
  const keys = new ByteWriter(256);
  for (let group = 0; group < table.groups; group++) {
    keys.length = 0;
    writeKey(state.keys, table.words, group * table.width, state.pool, keys);
    sealed.add(hashBytes(keys.bytes, 0, keys.length), keys.view(), (writer) => writeGroup(table, group, writer));
    if (group % SLICE_GROUPS === SLICE_GROUPS - 1) await giveWay();
  }
  sealed.sort();
  return sealed;
}
