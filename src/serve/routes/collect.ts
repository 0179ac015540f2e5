/** The routes of the front door, for the OpenAPI document only: `collect` itself answers them. */
import type { Route } from '../route.js';

const GIF = { 'image/gif': null } as const;
const EVENTS_ANSWER = {
  type: 'object',
  required: ['accepted', 'duplicates', 'rejected'],
  properties: {
    accepted: { type: 'integer' },
    duplicates: { type: 'integer' },
    rejected: {
      type: 'array',
      items: {
        type: 'object',
        required: ['index', 'code', 'message'],
        properties: {
          index: { type: 'integer' },
          code: { type: 'string' },
          message: { type: 'string' },
          path: { type: ['string', 'null'] },
        },
      },
    },
  },
} as const;

/** Described, not handled here. */
export const COLLECT_ROUTES: readonly Omit<Route, 'handle'>[] = [
  {
    method: 'POST',
    path: '/v1/events',
    roles: ['ingest'],
    summary: 'Take events: NDJSON, a JSON array or one object; gzip is understood',
    description:
      'A 200 means that the accepted events are on disk. Rejected events are in the answer and in the quarantine.',
    parameters: [
      {
        name: 'stream',
        in: 'query',
        description: 'The stream; default the configured one',
        schema: { type: 'string' },
      },
    ],
    body: { oneOf: [{ type: 'object' }, { type: 'array', items: { type: 'object' } }] },
    answers: { 'application/json': EVENTS_ANSWER },
    errors: [400, 415, 429, 503],
  },
  {
    method: 'POST',
    path: '/v1/firehose',
    roles: ['ingest'],
    summary: "Take what Firehose's HTTP destination delivers; the key is its access key",
    description:
      'The protocol of Amazon Data Firehose for HTTP endpoints. A 200 means that every record is on disk; any other answer has `errorMessage`.',
    parameters: [
      {
        name: 'stream',
        in: 'query',
        description: 'The stream; default the configured one',
        schema: { type: 'string' },
      },
    ],
    body: {
      type: 'object',
      required: ['requestId', 'timestamp', 'records'],
      properties: {
        requestId: { type: 'string', description: 'That of the header X-Amz-Firehose-Request-Id' },
        timestamp: { type: 'integer', description: 'ms since 1970' },
        records: {
          type: 'array',
          minItems: 1,
          maxItems: 10_000,
          items: {
            type: 'object',
            required: ['data'],
            properties: { data: { type: 'string', contentEncoding: 'base64' } },
          },
        },
      },
    },
    answers: {
      'application/json': {
        type: 'object',
        required: ['requestId', 'timestamp'],
        properties: { requestId: { type: 'string' }, timestamp: { type: 'integer' } },
      },
    },
    errors: [400, 404, 413, 415, 429, 503],
  },
  {
    method: 'POST',
    path: '/',
    roles: null,
    summary: 'The API of Amazon Data Firehose, by X-Amz-Target; signed with an access key',
    description:
      'PutRecord, PutRecordBatch, CreateDeliveryStream, DeleteDeliveryStream, DescribeDeliveryStream, ListDeliveryStreams, UpdateDestination, TagDeliveryStream, UntagDeliveryStream and ListTagsForDeliveryStream, as JSON 1.1. Errors are those of AWS: `{ __type, message }`.',
    body: { type: 'object' },
    answers: { 'application/x-amz-json-1.1': { type: 'object' } },
    errors: [400, 500],
  },
  {
    method: 'POST',
    path: '/v1/links',
    roles: ['ingest'],
    summary: 'Sign a click link',
    body: {
      type: 'object',
      required: ['destination'],
      properties: {
        destination: { type: 'string', format: 'uri' },
        link: { type: 'string' },
        expires_at: { type: 'integer', description: 'ms since 1970' },
        fields: { type: 'object', additionalProperties: { type: 'string' } },
        tenant: { type: 'string', description: "Only with an operator's key" },
      },
    },
    answers: { 'application/json': { type: 'object', required: ['url'], properties: { url: { type: 'string' } } } },
    errors: [400],
  },
  {
    method: 'GET',
    path: '/i',
    roles: null,
    summary: 'Pixel: an impression by query parameters; always answers a GIF',
    answers: GIF,
  },
  {
    method: 'GET',
    path: '/c',
    roles: null,
    summary: 'Click: records it and redirects to the signed destination',
    answers: { 'text/plain': null },
    errors: [400],
  },
  {
    method: 'GET',
    path: '/postback',
    roles: null,
    summary: 'Conversion of a click, by its id',
    answers: { 'application/json': null },
    errors: [400, 401, 429, 503],
  },
  {
    method: 'POST',
    path: '/postback',
    roles: null,
    summary: 'Conversion of a click, by its id',
    answers: { 'application/json': null },
    errors: [400, 401, 429, 503],
  },
];
