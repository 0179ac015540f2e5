/**
 * AmazonopensearchserviceDestinationConfiguration, and the older ElasticsearchDestinationConfiguration: the
 * sink `opensearch`.
 *
 * Which clusters there are, and with what password, is for the configuration of Millrace to say
 * (`firehose.domains`): a call only names one, so it can't send a password elsewhere. What can't be
 * delivered goes to the quarantine. `_id` is always the event's id.
 */
import { parseDelivery } from '../../../../config/deliveries.js';
import { MillraceError } from '../../../../util/errors.js';
import { onlyMembers, required, structureIn, textIn, type Structure } from '../input.js';
import { bufferingIn, choiceIn, retrySecondsIn } from './common.js';
import type { DestinationContext, DestinationKind } from './kind.js';

const MEMBERS = [
  'DomainARN',
  'ClusterEndpoint',
  'IndexName',
  'IndexRotationPeriod',
  'BufferingHints',
  'RetryOptions',
  'S3BackupMode',
  'DocumentIdOptions',
  'ProcessingConfiguration',
];
const WITHOUT_EFFECT = [
  'RoleARN',
  'TypeName',
  'CloudWatchLoggingOptions',
  'S3Configuration',
  'S3Update',
  'VpcConfiguration',
];
const BUFFERING = { mib: 5, seconds: 300, mibMax: 100 };
const ROTATIONS = ['OneDay', 'NoRotation', 'OneHour', 'OneWeek', 'OneMonth'] as const;

/** Documents in OpenSearch. */
export const opensearch = kindOf('Amazonopensearchservice');

/** The same under its older name. */
export const elasticsearch = kindOf('Elasticsearch');

function kindOf(service: string): DestinationKind {
  const path = `${service}DestinationConfiguration`;
  return {
    create: path,
    update: `${service}DestinationUpdate`,
    processors: ['Lambda'],

    deliveries(settings, context) {
      onlyMembers(settings, [...MEMBERS, ...WITHOUT_EFFECT], path);
      choiceIn(settings, 'S3BackupMode', path, ['FailedDocumentsOnly']);
      checkDocumentId(settings, path);
      const { mib, seconds } = bufferingIn(settings, path, BUFFERING);
      const index = required(textIn(settings, 'IndexName', path, { min: 1, max: 80 }), 'IndexName', path);
      return [
        parseDelivery(context.name, {
          from: context.from,
          to: {
            type: 'opensearch',
            ...clusterIn(settings, path, context),
            index,
            rotation: choiceIn(settings, 'IndexRotationPeriod', path, ROTATIONS),
          },
          buffer: { size: `${mib} MiB`, interval: `${seconds} s` },
          retry: { deadline: `${retrySecondsIn(settings, path)} s` },
          start: 'newest',
        }),
      ];
    },

    describe(settings) {
      const { mib, seconds } = bufferingIn(settings, path, BUFFERING);
      return {
        [`${service}DestinationDescription`]: {
          IndexRotationPeriod: 'OneDay',
          S3BackupMode: 'FailedDocumentsOnly',
          ...settings,
          BufferingHints: { SizeInMBs: mib, IntervalInSeconds: seconds },
          RetryOptions: { DurationInSeconds: retrySecondsIn(settings, path) },
        },
      };
    },
  };
}

function checkDocumentId(settings: Structure, path: string): void {
  const at = `${path}.DocumentIdOptions`;
  const options = structureIn(settings, 'DocumentIdOptions', path) ?? {};
  onlyMembers(options, ['DefaultDocumentIdFormat'], at);
  choiceIn(options, 'DefaultDocumentIdFormat', at, ['FIREHOSE_DEFAULT']);
}

/** The cluster that is named, by its endpoint or by the last part of its ARN. */
function clusterIn(settings: Structure, path: string, { firehose }: DestinationContext): object {
  const endpoint = textIn(settings, 'ClusterEndpoint', path, { min: 1, max: 512 });
  const arn = textIn(settings, 'DomainARN', path, { min: 1, max: 512 });
  const name = required(endpoint ?? arn?.split('/').at(-1), 'ClusterEndpoint', path);
  const found = Object.entries(firehose.domains).find(([domain]) => domain === name);
  if (found !== undefined) return found[1];
  throw new MillraceError(
    'ARGUMENT_INVALID',
    `${path}: the configuration of Millrace has no cluster '${name}' in firehose.domains`,
    { place: path },
  );
}
