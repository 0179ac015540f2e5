/** The changes feed's answers as JSON schemas. */
import type { JsonSchema } from '../route.js';

const count = { type: 'integer', minimum: 0 };
const time = { type: ['string', 'null'], examples: ['2026-01-31T12:00:55.000Z'] };
const record = { type: 'object', additionalProperties: true };

const row: JsonSchema = {
  type: 'object',
  required: ['rev', 'op', 'state', 'reason', 'txn', 'key', 'values'],
  properties: {
    rev: { ...count, description: 'Rises whenever a value or the state of the key does' },
    op: { enum: ['upsert', 'delete'] },
    state: { enum: ['open', 'final', 'corrected'] },
    reason: { type: ['string', 'null'], description: 'Why a closed row changed' },
    txn: { ...count, description: 'Rows with the same number changed at one moment' },
    key: record,
    values: { ...record, description: 'Absolute; empty for a delete' },
  },
};

const progress = {
  stable_rev: { ...count, description: 'Everything up to this revision can be read' },
  complete_through: { ...time, description: 'Windows that end at or before this are final unless corrected' },
  retained_from: { ...time, description: 'Rows of windows before this are no longer served' },
};

const column: JsonSchema = {
  type: 'object',
  required: ['name', 'type'],
  properties: {
    name: { type: 'string' },
    type: { type: 'string' },
    scale: count,
    additive: { type: 'boolean', description: 'Its values may be added up; the digest has the sum' },
  },
};

function page(rows: string): JsonSchema {
  return {
    type: 'object',
    required: ['epoch', rows, 'next_cursor', 'has_more', ...Object.keys(progress)],
    properties: {
      epoch: { type: 'string' },
      [rows]: { type: 'array', items: row },
      next_cursor: { type: 'string', description: 'Ask on from here' },
      has_more: { type: 'boolean', description: 'More pages of this round are there now' },
      ...progress,
    },
  };
}

/** By name. */
export const FEED_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  FeedView: {
    type: 'object',
    required: ['view', 'tenant', 'epoch', 'key', 'values', 'window_ms', ...Object.keys(progress)],
    properties: {
      view: { type: 'string' },
      tenant: { type: 'string' },
      epoch: { type: 'string', description: 'Names this definition of the view' },
      key: { type: 'array', items: column },
      values: { type: 'array', items: column },
      window_ms: { type: 'number' },
      ...progress,
    },
  },
  FeedChanges: page('changes'),
  SnapshotPage: page('rows'),
  FeedDigest: {
    type: 'object',
    required: ['epoch', 'days', ...Object.keys(progress)],
    properties: {
      epoch: { type: 'string' },
      days: {
        type: 'array',
        items: {
          type: 'object',
          required: ['day', 'rows', 'last_rev', 'sums', 'hash'],
          properties: {
            day: { type: 'string', examples: ['2026-01-31'] },
            rows: count,
            last_rev: { ...count, description: 'The newest revision of the day; who has it can compare' },
            sums: { type: 'object', additionalProperties: { type: 'string' } },
            hash: { type: 'string', pattern: '^[0-9a-f]{16}$' },
          },
        },
      },
      ...progress,
    },
  },
};
