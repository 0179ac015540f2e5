/** Making and changing streams: what is idempotent, what is compatible, what is refused. */
import { compareSchemas } from '../../event/schema-compare.js';
import { MillraceError } from '../../util/errors.js';
import type { StreamDefinition } from '../log.js';
import { SLOTS_MAX } from './board.js';
import { sameColumns } from './groups.js';
import type { LogState, StreamRecord } from './state.js';

const PARTITIONS_MAX = 1024;

/**
 * The record with which `definition` is to be stored; null when it is stored like that already.
 * Throws SCHEMA_INCOMPATIBLE when rows that exist would be misread or misplaced.
 */
export function streamChange(state: LogState, definition: StreamDefinition): StreamRecord | null {
  const old = state.streams.get(definition.name);
  return old === undefined ? newStream(state, definition) : changedStream(old, definition);
}

function newStream(state: LogState, definition: StreamDefinition): StreamRecord {
  const { name, partitions } = definition;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX)
    throw new MillraceError(
      'CONFIG_INVALID',
      `stream '${name}': partitions is ${partitions}; expected a whole number from 1 to ${PARTITIONS_MAX}`,
    );
  if (state.slots.length + partitions > SLOTS_MAX)
    throw new MillraceError(
      'CONFIG_INVALID',
      `stream '${name}': a log holds ${SLOTS_MAX} partitions in all; ${state.slots.length} are taken`,
    );
  let id = 1;
  for (const taken of state.streamsById.keys()) id = Math.max(id, taken + 1);
  return { id, firstSlot: state.slots.length, definition, versions: [definition.schema] };
}

function changedStream(old: StreamRecord, definition: StreamDefinition): StreamRecord | null {
  const { name } = definition;
  const was = old.definition;
  if (was.partitions !== definition.partitions)
    throw new MillraceError(
      'SCHEMA_INCOMPATIBLE',
      `stream '${name}' has ${was.partitions} partitions and is now declared with ${definition.partitions}; rows are placed by it, so it can't change: put ${was.partitions} back, or declare a stream of another name`,
      { place: name },
    );
  if (was.clock !== definition.clock)
    throw new MillraceError(
      'SCHEMA_INCOMPATIBLE',
      `stream '${name}' has clock '${was.clock}' and is now declared with '${definition.clock}'; windows were closed by it, so it can't change: put '${was.clock}' back, or declare a stream of another name`,
      { place: name },
    );
  if ((was.derived ?? false) !== (definition.derived ?? false))
    throw new MillraceError(
      'SCHEMA_INCOMPATIBLE',
      `stream '${name}' ${was.derived === true ? 'was the output of a transform and now takes' : 'took'} events from outside${was.derived === true ? '' : " and is now a transform's output"}; its accounts would not close: declare a stream of another name`,
      { place: name },
    );
  const schema = compare(was, definition);
  const versions = sameColumns(schema, was.schema) ? old.versions : [...old.versions, schema];
  const kept = { ...definition, schema: versions.at(-1)! };
  const same =
    versions === old.versions &&
    was.retentionMs === kept.retentionMs &&
    was.bytesMax === kept.bytesMax &&
    was.policy === kept.policy;
  return same ? null : { ...old, definition: kept, versions };
}

function compare(was: StreamDefinition, definition: StreamDefinition): StreamDefinition['schema'] {
  try {
    return compareSchemas(was.schema, definition.schema);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, `stream '${definition.name}': ${error.message}`, {
      place: `${definition.name}.${error.place ?? ''}`,
    });
  }
}
