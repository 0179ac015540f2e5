/** The dictionaries of a segment that this process did not write, for its footer. */
import { DictionaryScope, pagesOf, type DictionaryChain } from '../../event/batch.js';
import type { Dictionary } from '../../event/dictionary.js';
import { MillraceError } from '../../util/errors.js';
import type { FooterDictionary } from './footer.js';
import { ENTRY_KIND } from './layout.js';
import type { PartitionIndex } from './segment-index.js';
import type { SegmentView } from './segment-view.js';
import type { LogState } from './state.js';

/** Every dictionary that can be read whole; a damaged one is left out, and readers walk its pages. */
export function rebuildDictionaries(view: SegmentView, state: LogState): FooterDictionary[] {
  return view.index.all().flatMap((list) => {
    const stream = state.streamsById.get(list.streamId);
    if (stream === undefined) return [];
    return lastOfEachVersion(list).flatMap((i) => {
      const { streamId, partition, schemaVersion } = list.entry(i);
      const schema = stream.versions[schemaVersion];
      const chain = schema === undefined ? null : chainAt(view, list, i);
      if (schema === undefined || chain === null) return [];
      const scope = new DictionaryScope(schema);
      for (const { column, dictionary } of scope.columns) {
        if (chain.holes(column).length > 0) return [];
        copy(chain.dictionary(column), dictionary);
      }
      return [{ streamId, partition, schemaVersion, scope }];
    });
  });
}

function lastOfEachVersion(list: PartitionIndex): number[] {
  const last = new Map<number, number>();
  for (let i = 0; i < list.count; i++) if (list.kind(i) === ENTRY_KIND.rows) last.set(list.entry(i).schemaVersion, i);
  return [...last.values()];
}

function chainAt(view: SegmentView, list: PartitionIndex, i: number): DictionaryChain | null {
  const { streamId, partition, schemaVersion, at, bytes } = list.entry(i);
  try {
    const pages = pagesOf(view.read(at, bytes));
    return pages.header.attached ? view.chainFor(streamId, partition, schemaVersion, pages, at) : null;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return null;
    throw error;
  }
}

function copy(from: Dictionary, to: Dictionary): void {
  const lengths = Uint32Array.from({ length: from.size }, (_, code) => from.offsets[code + 1]! - from.offsets[code]!);
  to.appendEntries(lengths, from.size, from.data, 0);
}
