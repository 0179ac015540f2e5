/**
 * The mapping of a stream's schema: which field each column becomes.
 *
 * | column | field | why |
 * |---|---|---|
 * | `uuid`, `dictionary`, `list`, the event id | `keyword` | ids and labels are counted, grouped and compared as a whole |
 * | `string` | `text` with a sub-field `keyword` | words are found, and the whole still grouped by |
 * | `decimal` | `scaled_float` by 1,000,000 | kept as the same integer of millionths as in the log: found exactly, smaller than `double`; sums are doubles |
 * | `int64`, `double`, `boolean` | `long`, `double`, `boolean` | |
 * | `timestamp` | `date` of `epoch_millis` | |
 * | `bytes` | `binary` | base64, not searched |
 * | `json` | `flat_object`, in Elasticsearch `flattened` | keys that tenants make up do not grow the mapping |
 *
 * A text that is too long to be a term (`KEYWORD_LENGTH_MAX`) is kept and not found, instead of refused.
 */
import { holdsRecords } from '../../../event/records.js';
import { DECIMAL_SCALE, type ColumnDefinition, type Schema } from '../../../event/schema.js';

/** A mapping or a part of it. */
export type MappingObject = Readonly<Record<string, unknown>>;

/** Who the cluster is. */
export type Distribution = 'opensearch' | 'elasticsearch';

/** A term has at most 32,766 bytes, a character at most four. */
const KEYWORD_LENGTH_MAX = 8_191;

const keyword = { type: 'keyword', ignore_above: KEYWORD_LENGTH_MAX };

/** Fields by column; of raw records none, since their documents are not ours. */
export function propertiesOf(schema: Schema, distribution: Distribution): Record<string, MappingObject> {
  if (holdsRecords(schema)) return {};
  const { columns, roles } = schema;
  return Object.fromEntries(
    columns.map((column, index) => [
      column.name,
      index === roles.eventId || index === roles.tenant ? keyword : fieldOf(column, distribution),
    ]),
  );
}

function fieldOf({ type }: ColumnDefinition, distribution: Distribution): MappingObject {
  switch (type) {
    case 'uuid':
    case 'dictionary':
    case 'list':
      return keyword;
    case 'string':
      return { type: 'text', fields: { keyword } };
    case 'decimal':
      return { type: 'scaled_float', scaling_factor: 10 ** DECIMAL_SCALE };
    case 'int64':
      return { type: 'long' };
    case 'timestamp':
      return { type: 'date', format: 'epoch_millis' };
    case 'double':
    case 'boolean':
      return { type };
    case 'bytes':
      return { type: 'binary' };
    case 'json':
      return distribution === 'opensearch'
        ? { type: 'flat_object' }
        : { type: 'flattened', ignore_above: KEYWORD_LENGTH_MAX };
  }
}

/** `over` put over a mapping: properties one by one, the rest as a whole. */
export function mappingOf(properties: Record<string, MappingObject>, over: MappingObject): MappingObject {
  return { ...over, properties: { ...properties, ...(over['properties'] as object | undefined) } };
}
