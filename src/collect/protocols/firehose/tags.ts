/**
 * Tags of streams. `millrace:schema`, when a stream is made, says what its records are:
 *
 * | value | a record is |
 * |---|---|
 * | `records`, or no such tag | bytes, taken as they are |
 * | `ad-events` | an event of the ready schema |
 * | the name of a stream | an event of that stream's schema |
 */
import type { Tags } from '../../../config/definitions.js';
import { adEvents } from '../../../event/ad-events.js';
import { RECORDS_SCHEMA } from '../../../event/records.js';
import type { Schema } from '../../../event/schema.js';
import { MillraceError } from '../../../util/errors.js';
import { knownStream } from './admin.js';
import type { Call } from './call.js';
import {
  isStructure,
  listIn,
  malformed,
  numberIn,
  onlyMembers,
  required,
  streamNameIn,
  textIn,
  type Structure,
} from './input.js';

/** Most tags of a stream. */
const TAGS_MAX = 50;
/** The tag that names a schema. */
const SCHEMA_TAG = 'millrace:schema';
const CHARACTERS = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Adds tags, or replaces their values. */
export async function tagDeliveryStream(call: Call): Promise<object> {
  onlyMembers(call.input, ['DeliveryStreamName', 'Tags'], '');
  const stream = knownStream(call, streamNameIn(call.input));
  const added = required(tagsIn(call.input), 'Tags');
  if ((added[SCHEMA_TAG] ?? stream.tags[SCHEMA_TAG]) !== stream.tags[SCHEMA_TAG])
    throw new MillraceError('ARGUMENT_INVALID', `the schema of a stream is fixed when it is made`, { place: 'Tags' });
  const tags = { ...stream.tags, ...added };
  if (Object.keys(tags).length > TAGS_MAX)
    throw new MillraceError('LIMIT_EXCEEDED', `a stream can have ${TAGS_MAX} tags`, { place: 'Tags' });
  await call.services.streams.setTags(stream.name, tags);
  return {};
}

/** Removes tags; those that are not there are none the less gone. */
export async function untagDeliveryStream(call: Call): Promise<object> {
  onlyMembers(call.input, ['DeliveryStreamName', 'TagKeys'], '');
  const stream = knownStream(call, streamNameIn(call.input));
  const keys = required(listIn(call.input, 'TagKeys', '', { min: 1, max: TAGS_MAX }), 'TagKeys').map((key, index) =>
    required(textIn({ key }, 'key', `TagKeys.${index + 1}`, { min: 1, max: 128 }), 'key', `TagKeys.${index + 1}`),
  );
  const left = Object.entries(stream.tags).filter(([key]) => !keys.includes(key) || key === SCHEMA_TAG);
  await call.services.streams.setTags(stream.name, Object.fromEntries(left));
  return {};
}

/** The tags of a stream, by key. */
export function listTagsForDeliveryStream(call: Call): object {
  onlyMembers(call.input, ['DeliveryStreamName', 'ExclusiveStartTagKey', 'Limit'], '');
  const stream = knownStream(call, streamNameIn(call.input));
  const limit = numberIn(call.input, 'Limit', '', { min: 1, max: TAGS_MAX }) ?? TAGS_MAX;
  const after = textIn(call.input, 'ExclusiveStartTagKey', '', { min: 1, max: 128 });
  const tags = Object.entries(stream.tags)
    .map(([Key, Value]) => ({ Key, Value }))
    .filter(({ Key }) => after === undefined || Key > after)
    .toSorted((a, b) => (a.Key < b.Key ? -1 : 1));
  return { Tags: tags.slice(0, limit), HasMoreTags: tags.length > limit };
}

/** The member `Tags`, or undefined. */
export function tagsIn(input: Structure): Tags | undefined {
  const list = listIn(input, 'Tags', '', { min: 1, max: TAGS_MAX });
  if (list === undefined) return undefined;
  const entries = list.map((tag, index): [string, string] => {
    const path = `Tags.${index + 1}.member`;
    if (!isStructure(tag)) throw malformed(`${path}: expected an object`);
    onlyMembers(tag, ['Key', 'Value'], path);
    const key = required(textIn(tag, 'Key', path, { min: 1, max: 128 }), 'Key', path);
    const value = textIn(tag, 'Value', path, { min: 0, max: 256 }) ?? '';
    if (key.startsWith('aws:') || !CHARACTERS.test(key) || !CHARACTERS.test(value))
      throw new MillraceError(
        'ARGUMENT_INVALID',
        `${path}: expected letters, digits, spaces and _ . : / = + - @, and a key that does not begin with aws:`,
        { place: path },
      );
    return [key, value];
  });
  const tags = Object.fromEntries(entries);
  if (Object.keys(tags).length === entries.length) return tags;
  throw new MillraceError('ARGUMENT_INVALID', 'a key is there twice', { place: 'Tags' });
}

/** The schema that the tags of a new stream ask for. */
export function schemaOfTags(call: Call, tags: Tags): Schema {
  const name = Object.hasOwn(tags, SCHEMA_TAG) ? tags[SCHEMA_TAG]! : 'records';
  if (name === 'records') return RECORDS_SCHEMA;
  if (name === 'ad-events') return adEvents();
  const stream = call.services.streams.find(name);
  if (stream !== undefined) return stream.schema;
  throw new MillraceError(
    'ARGUMENT_INVALID',
    `${SCHEMA_TAG}: expected 'records', 'ad-events' or the name of a stream, found '${name}'`,
    { place: 'Tags' },
  );
}
