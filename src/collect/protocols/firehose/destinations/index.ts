/**
 * The kinds of destination that there are, and which a call names.
 *
 * A made stream keeps what was given (`MadeDestination`); the delivery is worked out of it anew
 * whenever it is needed.
 */
import type { MadeDestination } from '../../../../config/definitions.js';
import type { DeliveryOptions } from '../../../../config/options.js';
import { MillraceError } from '../../../../util/errors.js';
import { isStructure, malformed, type Structure } from '../input.js';
import { withoutNulls } from './common.js';
import { httpEndpoint } from './http.js';
import { elasticsearch, opensearch } from './opensearch.js';
import { processingIn } from './processing.js';
import { extendedS3, plainS3 } from './s3.js';
import type { DestinationContext, DestinationKind, MadeReaders } from './kind.js';
import { lambdaTransform, withPartitionKeys } from './lambda.js';

const KINDS: readonly DestinationKind[] = [extendedS3, plainS3, opensearch, elasticsearch, httpEndpoint];

/** A made stream, for which readers are made. */
export type MadeContext = Omit<DestinationContext, 'from'>;

/** The id of the one destination that a made stream has. */
const DESTINATION_ID = 'destinationId-000000000001';

/** The members of CreateDeliveryStream that are destinations. */
export const CREATE_MEMBERS: readonly string[] = KINDS.map(({ create }) => create);

/** The members of UpdateDestination that are. */
export const UPDATE_MEMBERS: readonly string[] = KINDS.map(({ update }) => update);

/** The destination that CreateDeliveryStream names; null when it names none. */
export function createdDestination(input: Structure): MadeDestination | null {
  const named = namedIn(input, CREATE_MEMBERS);
  if (named === null) return null;
  return { id: DESTINATION_ID, kind: named.member, settings: named.settings };
}

/** The destination that UpdateDestination makes of the one before. */
export function updatedDestination(input: Structure, before: MadeDestination | null): MadeDestination {
  const named = namedIn(input, UPDATE_MEMBERS);
  if (named === null)
    throw new MillraceError('ARGUMENT_INVALID', `expected one of ${UPDATE_MEMBERS.join(', ')}`, { place: 'body' });
  const { create } = KINDS.find(({ update }) => update === named.member)!;
  const kept = before?.kind === create ? before.settings : {};
  return { id: DESTINATION_ID, kind: create, settings: { ...kept, ...named.settings } };
}

/** Which readers a made destination is. Throws an error of the call when it can be none. */
export function readersOf({ kind, settings }: MadeDestination, made: MadeContext): MadeReaders {
  const { create, processors, deliveries } = kindOf(kind);
  const { name, stream, schema, firehose } = made;
  const { lambda } = processingIn(settings, create, processors, firehose);
  if (lambda === null) return { transforms: [], deliveries: deliveries(settings, { ...made, from: stream }) };
  const output = isPartitioned(settings) ? withPartitionKeys(schema) : schema;
  const transform = lambdaTransform(lambda, { name, stream, schema: output, firehose });
  return {
    transforms: [transform],
    deliveries: deliveries(settings, { ...made, from: transform.to, schema: output }),
  };
}

/** Whether a function may say where records go. */
function isPartitioned(settings: Structure): boolean {
  const dynamic = settings['DynamicPartitioningConfiguration'];
  return isStructure(dynamic) && dynamic['Enabled'] === true;
}

/** A made destination as a description gives it. */
export function describeMade({ id, kind, settings }: MadeDestination): { readonly DestinationId: string } {
  return { DestinationId: id, ...kindOf(kind).describe(settings) };
}

/** A delivery of the configuration as a description gives it: as much as AWS has words for. */
export function describeDelivery({ name, sink, bufferBytes, bufferMs }: DeliveryOptions): {
  readonly DestinationId: string;
} {
  const BufferingHints = {
    SizeInMBs: Math.ceil(bufferBytes / 1024 ** 2),
    IntervalInSeconds: Math.ceil(bufferMs / 1000),
  };
  return { DestinationId: name, ...describeSink(sink, BufferingHints) };
}

function describeSink(sink: DeliveryOptions['sink'], BufferingHints: Structure): Structure {
  switch (sink.type) {
    case 's3': {
      const compressed = sink.compression === 'gzip' ? { CompressionFormat: 'GZIP' } : {};
      const prefix = sink.prefix === undefined ? {} : { Prefix: sink.prefix };
      return extendedS3.describe({
        BucketARN: `arn:aws:s3:::${sink.bucket}`,
        ...prefix,
        ...compressed,
        BufferingHints,
      });
    }
    case 'opensearch':
      return opensearch.describe({
        ClusterEndpoint: sink.url[0]!,
        IndexName: sink.index,
        IndexRotationPeriod: sink.rotation,
        BufferingHints,
      });
    case 'http':
      // The path may hold a token.
      return httpEndpoint.describe({ EndpointConfiguration: { Url: new URL(sink.url).origin }, BufferingHints });
    default:
      return {};
  }
}

function kindOf(create: string): DestinationKind {
  const kind = KINDS.find((one) => one.create === create);
  if (kind !== undefined) return kind;
  throw new MillraceError('ARGUMENT_INVALID', `there are no destinations of the kind ${create}`, { place: create });
}

function namedIn(input: Structure, members: readonly string[]): { member: string; settings: Structure } | null {
  const named = members.filter((member) => (input[member] ?? null) !== null);
  if (named.length > 1)
    throw new MillraceError('ARGUMENT_INVALID', `expected one destination, found ${named.join(' and ')}`, {
      place: named[1]!,
    });
  const [member] = named;
  if (member === undefined) return null;
  const settings = input[member];
  if (!isStructure(settings)) throw malformed(`${member}: expected an object`);
  return { member, settings: withoutNulls(settings) };
}
