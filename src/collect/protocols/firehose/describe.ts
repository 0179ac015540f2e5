/** DescribeDeliveryStream and ListDeliveryStreams. */
import { EVERY_TENANT } from '../../../config/tenants.js';
import { MillraceError } from '../../../util/errors.js';
import { knownStream, type KnownStream } from './admin.js';
import type { AwsAccount, Call } from './call.js';
import { describeDelivery, describeMade } from './destinations/index.js';
import { numberIn, onlyMembers, streamNameIn, textIn } from './input.js';

/** The ARN of a stream. */
export function streamArn({ id, region }: AwsAccount, name: string): string {
  return `arn:aws:firehose:${region}:${id}:deliverystream/${name}`;
}

/** What a stream is. Only an operator's key sees where it goes. */
export function describeDeliveryStream(call: Call): object {
  onlyMembers(call.input, ['DeliveryStreamName', 'Limit', 'ExclusiveStartDestinationId'], '');
  const stream = knownStream(call, streamNameIn(call.input));
  const limit = numberIn(call.input, 'Limit', '', { min: 1, max: 10_000 }) ?? 10_000;
  const after = textIn(call.input, 'ExclusiveStartDestinationId', '', { min: 1, max: 100 });
  const all = call.principal.tenant === EVERY_TENANT ? destinationsOf(stream) : [];
  const from = after === undefined ? 0 : all.findIndex(({ DestinationId }) => DestinationId === after) + 1;
  if (after !== undefined && from === 0)
    throw new MillraceError('ARGUMENT_INVALID', `there is no destination '${after}'`, {
      place: 'ExclusiveStartDestinationId',
    });
  return {
    DeliveryStreamDescription: {
      DeliveryStreamName: stream.name,
      DeliveryStreamARN: streamArn(call.account, stream.name),
      DeliveryStreamStatus: 'ACTIVE',
      DeliveryStreamEncryptionConfiguration: { Status: 'DISABLED' },
      DeliveryStreamType: 'DirectPut',
      VersionId: String(stream.made?.version ?? 1),
      ...(stream.made === null ? {} : { CreateTimestamp: stream.made.createdMs / 1000 }),
      Destinations: all.slice(from, from + limit),
      HasMoreDestinations: all.length > from + limit,
    },
  };
}

function destinationsOf({ made, deliveries }: KnownStream): { readonly DestinationId: string }[] {
  if (made === null) return deliveries.map(describeDelivery);
  return made.destination === null ? [] : [describeMade(made.destination)];
}

/** The names of streams, in their order. */
export function listDeliveryStreams({ input, services }: Call): object {
  onlyMembers(input, ['Limit', 'DeliveryStreamType', 'ExclusiveStartDeliveryStreamName'], '');
  const limit = numberIn(input, 'Limit', '', { min: 1, max: 10_000 }) ?? 10;
  const type = textIn(input, 'DeliveryStreamType', '') ?? 'DirectPut';
  const after = textIn(input, 'ExclusiveStartDeliveryStreamName', '', { min: 1, max: 64 });
  const names = services.streams
    .list()
    .filter(({ name }) => type === 'DirectPut' && (after === undefined || name > after))
    .map(({ name }) => name);
  return { DeliveryStreamNames: names.slice(0, limit), HasMoreDeliveryStreams: names.length > limit };
}
