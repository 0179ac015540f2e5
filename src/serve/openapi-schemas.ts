/** The shapes of answers, as JSON schemas. */
import { EXPLAIN_SCHEMAS } from './explain/openapi-schemas.js';
import { FEED_SCHEMAS } from './feed/openapi-schemas.js';
import type { JsonSchema } from './route.js';

const value: JsonSchema = { description: 'null, boolean, number, string, array of strings, or a JSON value' };
const count: JsonSchema = { type: 'integer', minimum: 0 };
const nullableNumber: JsonSchema = { type: ['number', 'null'] };
const columns: JsonSchema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'type'],
    properties: { name: { type: 'string' }, type: { type: 'string' } },
  },
};
const viewColumns: JsonSchema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'type', 'additive'],
    properties: {
      name: { type: 'string' },
      type: { type: 'string' },
      additive: { type: 'boolean', description: 'A plain count or sum: may be added up' },
    },
  },
};
const names: JsonSchema = { type: 'array', items: { type: 'string' } };
const record: JsonSchema = { type: 'object', additionalProperties: value };

const text: JsonSchema = { type: 'string' };
const nullableText: JsonSchema = { type: ['string', 'null'] };
const quarantined: JsonSchema = {
  type: 'object',
  required: ['offset', 'at', 'tenant', 'stage', 'reader', 'stream', 'code', 'message', 'attempts'],
  properties: {
    offset: count,
    at: text,
    tenant: text,
    stage: text,
    reader: nullableText,
    stream: text,
    code: text,
    message: text,
    path: nullableText,
    attempts: count,
    eventId: nullableText,
    originalLength: count,
    firstAt: nullableText,
    lastAt: nullableText,
    place: { type: ['object', 'null'], properties: { partition: count, offset: count } },
    original: { ...nullableText, description: 'Base 64; only where one row is asked for' },
  },
};
const delivery: JsonSchema = {
  type: 'object',
  required: [
    'name',
    'from',
    'sink',
    'state',
    'reason',
    'paused',
    'breaker',
    'pendingRows',
    'oldestMs',
    'lagRows',
    'lagMs',
    'totals',
    'errors',
  ],
  properties: {
    name: text,
    from: text,
    sink: text,
    state: text,
    reason: nullableText,
    paused: { type: 'boolean' },
    breaker: { enum: ['closed', 'open', 'trying'] },
    pendingRows: count,
    oldestMs: { type: 'number' },
    lagRows: { ...count, description: 'Rows that it has not read yet' },
    lagMs: { type: 'number', description: 'Age of what it read last while more waits to be read; 0 otherwise' },
    planned: count,
    totals: { type: 'object', additionalProperties: count },
    retries: count,
    failures: count,
    rowsPerSecond: { type: 'number' },
    deliveredAtMs: nullableNumber,
    errors: {
      type: 'array',
      items: { type: 'object', properties: { atMs: { type: 'number' }, message: text, times: count } },
    },
  },
};

/** Shapes by name. */
export const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Deliveries: {
    type: 'object',
    required: ['deliveries'],
    properties: { deliveries: { type: 'array', items: delivery } },
  },
  Quarantine: {
    type: 'object',
    required: ['rows'],
    properties: { rows: { type: 'array', items: quarantined } },
  },
  QuarantinedRow: quarantined,
  QuarantineStats: {
    type: 'object',
    required: ['groups'],
    properties: {
      groups: {
        type: 'array',
        items: {
          type: 'object',
          required: ['stage', 'reader', 'stream', 'code', 'rows', 'tenants', 'oldest', 'newest'],
          properties: {
            stage: text,
            reader: nullableText,
            stream: text,
            code: text,
            rows: count,
            tenants: count,
            oldest: text,
            newest: text,
          },
        },
      },
    },
  },
  Replay: {
    type: 'object',
    required: ['id', 'delivery', 'stream', 'tenant', 'fromMs', 'toMs', 'state', 'rowsDone', 'rowsTotal'],
    properties: {
      id: text,
      delivery: text,
      stream: text,
      tenant: nullableText,
      fromMs: { type: 'number' },
      toMs: { type: 'number' },
      rowsPerSecond: nullableNumber,
      state: { enum: ['running', 'done', 'cancelled'] },
      createdMs: { type: 'number' },
      endedMs: nullableNumber,
      rowsDone: count,
      rowsTotal: count,
      feeding: { type: 'boolean' },
      delivered: count,
      quarantined: count,
      etaMs: nullableNumber,
      reason: nullableText,
    },
  },
  Resolution: {
    type: 'object',
    required: ['resolved', 'refused', 'refusedCount'],
    properties: {
      resolved: count,
      refusedCount: count,
      refused: { type: 'array', items: { type: 'object', properties: { offset: count, message: text } } },
    },
  },
  QueryAnswer: {
    type: 'object',
    required: ['columns', 'rows', 'elapsedMs', 'stats'],
    properties: {
      columns,
      rows: { type: 'array', items: { type: 'array', items: value } },
      elapsedMs: { type: 'number' },
      stats: {
        type: 'object',
        required: ['rows', 'truncated', 'elapsedMs', 'asOf'],
        properties: {
          rows: count,
          truncated: { type: 'boolean' },
          elapsedMs: { type: 'number' },
          asOf: {
            type: 'object',
            description: 'By relation: one past the last row that was seen, by partition',
            additionalProperties: { type: 'array', items: count },
          },
        },
      },
    },
  },
  View: {
    type: 'object',
    required: ['name', 'source', 'windowMs', 'global', 'columns', 'keyColumns', 'valueColumns'],
    properties: {
      name: { type: 'string' },
      source: { type: 'string' },
      windowMs: count,
      global: { type: 'boolean', description: "Over all tenants: takes an operator's key" },
      columns: viewColumns,
      keyColumns: names,
      valueColumns: names,
    },
  },
  ViewRows: {
    type: 'object',
    required: ['rows', 'truncated', 'summed'],
    properties: {
      rows: { type: 'array', items: record },
      truncated: { type: 'boolean' },
      summed: { type: 'boolean' },
      granularity: { type: 'string', description: 'Of a roll-up' },
      zone: { type: 'string', description: 'Of a roll-up' },
      leftOut: {
        type: 'array',
        description: 'Measures that have no exact value for longer periods, and what the view should have instead',
        items: {
          type: 'object',
          required: ['column', 'instead'],
          properties: { column: { type: 'string' }, instead: { type: 'string' } },
        },
      },
    },
  },
  ...FEED_SCHEMAS,
  ...EXPLAIN_SCHEMAS,
  Stats: {
    type: 'object',
    required: [
      'nowMs',
      'received',
      'accepted',
      'duplicates',
      'quarantined',
      'late',
      'eventsPerSecond',
      'readers',
      'views',
    ],
    properties: {
      nowMs: { type: 'number' },
      received: count,
      accepted: count,
      duplicates: count,
      quarantined: count,
      late: { ...nullableNumber, description: "Null with a tenant's key" },
      eventsPerSecond: { type: 'number' },
      readers: {
        type: 'array',
        items: {
          type: 'object',
          required: ['id', 'stream', 'state', 'lagRows', 'lagMs'],
          properties: {
            id: { type: 'string' },
            stream: { type: 'string' },
            state: { type: 'string' },
            lagRows: count,
            lagMs: { type: 'number' },
          },
        },
      },
      views: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name', 'freshnessMs', 'completeThrough', 'late'],
          properties: {
            name: { type: 'string' },
            freshnessMs: nullableNumber,
            completeThrough: nullableNumber,
            late: nullableNumber,
          },
        },
      },
    },
  },
  Audit: {
    type: 'object',
    required: ['tenant', 'sinceMs', 'gaps', 'accounts', 'edges'],
    properties: {
      tenant: { type: ['string', 'null'], description: 'Whose accounts; null for all tenants' },
      sinceMs: { type: 'number', description: 'Since when there are accounts; ms since 1970' },
      gaps: {
        type: 'array',
        description:
          'Spans that ended with the process killed: duplicates, drops, refusals and unlogged clicks of these may be missing; accepted and quarantined events never are',
        items: {
          type: 'object',
          required: ['fromMs', 'toMs'],
          properties: { fromMs: { type: 'number' }, toMs: { type: 'number' } },
        },
      },
      accounts: { type: 'array', items: { $ref: '#/components/schemas/Account' } },
      edges: { type: 'array', items: { $ref: '#/components/schemas/EdgeAccount' } },
    },
  },
  EdgeAccount: {
    type: 'object',
    description:
      'What one transform, delivery or replay made of what it read: read = ok + filtered + quarantined + dropped',
    required: [
      'edge',
      'stream',
      'read',
      'ok',
      'filtered',
      'quarantined',
      'dropped',
      'written',
      'pending',
      'difference',
      'open',
    ],
    properties: {
      edge: text,
      stream: text,
      read: count,
      ok: count,
      filtered: { type: 'object', additionalProperties: count },
      quarantined: { type: 'object', additionalProperties: count },
      dropped: { type: 'object', additionalProperties: count },
      written: { ...count, description: 'Rows, objects or documents that came out; in no sum' },
      pending: { type: ['integer', 'null'], description: 'Rows not done with; null where it can not be told' },
      difference: { type: 'integer', description: '0 when the account closes' },
      open: {
        type: 'array',
        description: 'Tenants and minutes at which it does not close',
        items: {
          type: 'object',
          required: ['tenant', 'minute', 'rows'],
          properties: { tenant: text, minute: text, rows: { type: 'integer' } },
        },
      },
    },
  },
  Account: {
    type: 'object',
    required: [
      'stream',
      'received',
      'delivered',
      'quarantined',
      'pending',
      'duplicates',
      'dropped',
      'cut',
      'refused',
      'unlogged',
    ],
    properties: {
      stream: { type: 'string' },
      received: count,
      delivered: count,
      quarantined: count,
      pending: count,
      duplicates: count,
      dropped: { type: 'object', description: 'Events by reason', additionalProperties: count },
      cut: {
        type: 'object',
        description: 'Rows that the disk bound took from readers that still needed them, by reader',
        additionalProperties: count,
      },
      refused: { ...count, description: "Answered 429 or 503: the client's still, in no other term" },
      unlogged: {
        ...count,
        description: 'Pixels and clicks answered although the log had not taken them, in no other term',
      },
    },
  },
};
