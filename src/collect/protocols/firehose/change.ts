/** CreateDeliveryStream, DeleteDeliveryStream and UpdateDestination. */
import { MillraceError } from '../../../util/errors.js';
import { knownStream } from './admin.js';
import type { Call } from './call.js';
import { streamArn } from './describe.js';
import { CREATE_MEMBERS, createdDestination, UPDATE_MEMBERS, updatedDestination } from './destinations/index.js';
import { onlyMembers, required, streamNameIn, textIn } from './input.js';
import { schemaOfTags, tagsIn } from './tags.js';

/** Makes a stream; it takes records when this is answered. One without a destination is stored, and can be queried. */
export async function createDeliveryStream(call: Call): Promise<object> {
  const { input, services } = call;
  onlyMembers(input, ['DeliveryStreamName', 'DeliveryStreamType', ...CREATE_MEMBERS, 'Tags'], '');
  const name = streamNameIn(input);
  const type = textIn(input, 'DeliveryStreamType', '') ?? 'DirectPut';
  if (type !== 'DirectPut')
    throw new MillraceError('ARGUMENT_INVALID', `DeliveryStreamType: expected 'DirectPut', found '${type}'`, {
      place: 'DeliveryStreamType',
    });
  const tags = tagsIn(input) ?? {};
  const schema = schemaOfTags(call, tags);
  await services.streams.create({ name, schema, tags, destination: createdDestination(input) });
  return { DeliveryStreamARN: streamArn(call.account, name) };
}

/** Ends a stream. What is not delivered yet stays in the log until retention, and is delivered to nobody. */
export async function deleteDeliveryStream(call: Call): Promise<object> {
  onlyMembers(call.input, ['DeliveryStreamName', 'AllowForceDelete'], '');
  await call.services.streams.remove(knownStream(call, streamNameIn(call.input)).name);
  return {};
}

/** Changes the destination of a stream. Members that are left out stay as they are, if the kind of destination stays. */
export async function updateDestination(call: Call): Promise<object> {
  const { input, services } = call;
  onlyMembers(input, ['DeliveryStreamName', 'CurrentDeliveryStreamVersionId', 'DestinationId', ...UPDATE_MEMBERS], '');
  const stream = knownStream(call, streamNameIn(input));
  const version = required(
    textIn(input, 'CurrentDeliveryStreamVersionId', '', { min: 1, max: 50 }),
    'CurrentDeliveryStreamVersionId',
  );
  const id = required(textIn(input, 'DestinationId', '', { min: 1, max: 100 }), 'DestinationId');
  const before = stream.made?.destination ?? null;
  if (stream.made !== null && before?.id !== id)
    throw new MillraceError('ARGUMENT_INVALID', `DestinationId: '${stream.name}' has no destination '${id}'`, {
      place: 'DestinationId',
    });
  const destination = updatedDestination(input, before);
  await services.streams.replaceDestination(stream.name, /^\d+$/.test(version) ? Number(version) : -1, destination);
  return {};
}
