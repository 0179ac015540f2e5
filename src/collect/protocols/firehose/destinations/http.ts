/**
 * HttpEndpointDestinationConfiguration: the sink `http`, which speaks the same protocol.
 *
 * What can't be delivered goes to the quarantine, so there is no backup bucket: `S3Configuration` is
 * accepted without effect.
 */
import { parseDelivery } from '../../../../config/deliveries.js';
import { MillraceError } from '../../../../util/errors.js';
import {
  isStructure,
  listIn,
  malformed,
  onlyMembers,
  required,
  structureIn,
  textIn,
  type Structure,
} from '../input.js';
import { bufferingIn, choiceIn, retrySecondsIn } from './common.js';
import type { DestinationKind } from './kind.js';

const PATH = 'HttpEndpointDestinationConfiguration';
const MEMBERS = [
  'EndpointConfiguration',
  'BufferingHints',
  'RequestConfiguration',
  'RetryOptions',
  'S3BackupMode',
  'ProcessingConfiguration',
];
const WITHOUT_EFFECT = ['CloudWatchLoggingOptions', 'RoleARN', 'S3Configuration', 'S3Update'];
const BUFFERING = { mib: 5, seconds: 300, mibMax: 64 };

/** An HTTP endpoint. */
export const httpEndpoint: DestinationKind = {
  create: 'HttpEndpointDestinationConfiguration',
  update: 'HttpEndpointDestinationUpdate',
  processors: ['Lambda'],

  deliveries(settings, { name, from, firehose }) {
    onlyMembers(settings, [...MEMBERS, ...WITHOUT_EFFECT], PATH);
    choiceIn(settings, 'S3BackupMode', PATH, ['FailedDataOnly']);
    const { url, accessKey } = endpointIn(settings);
    const { gzip, attributes } = requestIn(settings);
    const { mib, seconds } = bufferingIn(settings, PATH, BUFFERING);
    const delivery = parseDelivery(name, {
      from,
      to: {
        type: 'http',
        url,
        ...(accessKey === undefined ? {} : { accessKey }),
        compression: gzip ? 'gzip' : 'none',
        attributes,
        allowPrivate: firehose.allowPrivate,
        bodySizeMax: `${Math.min(64, mib * 2)} MiB`,
      },
      buffer: { size: `${mib} MiB`, interval: `${seconds} s` },
      retry: { deadline: `${retrySecondsIn(settings, PATH)} s` },
      start: 'newest',
    });
    return [delivery];
  },

  describe(settings) {
    const { url, label } = endpointIn(settings);
    const { mib, seconds } = bufferingIn(settings, PATH, BUFFERING);
    const { gzip, attributes } = requestIn(settings);
    const described = {
      EndpointConfiguration: { Url: url, ...(label === undefined ? {} : { Name: label }) },
      BufferingHints: { SizeInMBs: mib, IntervalInSeconds: seconds },
      RequestConfiguration: {
        ContentEncoding: gzip ? 'GZIP' : 'NONE',
        CommonAttributes: Object.entries(attributes).map(([AttributeName, AttributeValue]) => ({
          AttributeName,
          AttributeValue,
        })),
      },
      RetryOptions: { DurationInSeconds: retrySecondsIn(settings, PATH) },
      S3BackupMode: 'FailedDataOnly',
    };
    return { HttpEndpointDestinationDescription: described };
  },
};

function endpointIn(settings: Structure): { url: string; label: string | undefined; accessKey: string | undefined } {
  const path = `${PATH}.EndpointConfiguration`;
  const endpoint = required(structureIn(settings, 'EndpointConfiguration', PATH), 'EndpointConfiguration', PATH);
  onlyMembers(endpoint, ['Url', 'Name', 'AccessKey'], path);
  return {
    url: required(textIn(endpoint, 'Url', path, { min: 1, max: 1_000 }), 'Url', path),
    label: textIn(endpoint, 'Name', path, { min: 1, max: 256 }),
    accessKey: textIn(endpoint, 'AccessKey', path, { min: 0, max: 4_096 }) || undefined,
  };
}

function requestIn(settings: Structure): { gzip: boolean; attributes: Record<string, string> } {
  const path = `${PATH}.RequestConfiguration`;
  const request = structureIn(settings, 'RequestConfiguration', PATH) ?? {};
  onlyMembers(request, ['ContentEncoding', 'CommonAttributes'], path);
  const list = listIn(request, 'CommonAttributes', path, { min: 0, max: 50 }) ?? [];
  const attributes = list.map((attribute, index): [string, string] => {
    const at = `${path}.CommonAttributes.${index + 1}.member`;
    if (!isStructure(attribute)) throw malformed(`${at}: expected an object`);
    onlyMembers(attribute, ['AttributeName', 'AttributeValue'], at);
    const name = required(textIn(attribute, 'AttributeName', at, { min: 1, max: 256 }), 'AttributeName', at);
    return [name, required(textIn(attribute, 'AttributeValue', at, { min: 0, max: 1_024 }), 'AttributeValue', at)];
  });
  if (new Set(attributes.map(([name]) => name)).size < attributes.length)
    throw new MillraceError('ARGUMENT_INVALID', `${path}.CommonAttributes: a name is there twice`, { place: path });
  return {
    gzip: choiceIn(request, 'ContentEncoding', path, ['NONE', 'GZIP']) === 'GZIP',
    attributes: Object.fromEntries(attributes),
  };
}
