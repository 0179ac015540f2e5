import type { ClosedGroup, ClosedWindow } from '../state/closed-store.js';
import { ByteWriter } from '../state/bytes.js';
import type { WindowTable } from '../state/window-table.js';
import { writeGroup } from './view-state.js';
import type { ViewState } from './view-state.js';

/** A sealed table's groups as the closed store takes them. */
export function sealedWindow(state: ViewState, table: WindowTable): ClosedWindow {
  const groups: ClosedGroup[] = [];
  const writer = new ByteWriter(256);
  for (let group = 0; group < table.groups; group++) {
    const { hash, key } = state.keyOf(table, group);
    writer.length = 0;
    writeGroup(table, group, writer);
    groups.push({ hash, key: key.slice(), value: writer.copy() });
  }
  return { start: table.start, groups: groups.sort((a, b) => a.hash - b.hash) };
}
