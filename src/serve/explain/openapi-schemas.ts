/** The shapes of what is said of a view and its definitions. */
import type { JsonSchema } from '../route.js';

const count: JsonSchema = { type: 'integer', minimum: 0 };
const text: JsonSchema = { type: 'string' };
const nullableNumber: JsonSchema = { type: ['number', 'null'] };
const row: JsonSchema = { type: 'object', additionalProperties: true };
const rows: JsonSchema = { type: 'array', items: row };
const texts: JsonSchema = { type: 'array', items: text };

const plan: JsonSchema = {
  type: 'object',
  required: ['runs', 'lines', 'emit', 'lagMs', 'allowedLatenessMs', 'retentionMs'],
  properties: {
    runs: { type: 'string', enum: ['kernel', 'operators'] },
    lines: { ...texts, description: 'A line an operator, inputs indented under what reads them' },
    emit: text,
    lagMs: count,
    allowedLatenessMs: count,
    retentionMs: nullableNumber,
  },
};

const definition: JsonSchema = {
  type: 'object',
  required: [
    'epoch',
    'answers',
    'sinceMs',
    'plan',
    'sources',
    'state',
    'reader',
    'completeThroughMs',
    'oldestOpen',
    'delays',
  ],
  properties: {
    epoch: text,
    answers: { type: 'boolean', description: "Whether it answers to the view's name" },
    sinceMs: { ...nullableNumber, description: 'Rows stamped before were gone when it began' },
    plan,
    sources: {
      type: 'array',
      description: 'Inputs: the clock of each partition, and the offsets that are read, kept, and there',
      items: row,
    },
    state: {
      type: 'object',
      required: ['bytes', 'bytesMax', 'parts'],
      properties: { bytes: count, bytesMax: count, parts: rows },
    },
    reader: {
      type: 'object',
      required: ['state', 'reason', 'lagRows', 'lagMs', 'rowsPerSecond'],
      properties: {
        state: text,
        reason: { type: ['string', 'null'] },
        lagRows: count,
        lagMs: { type: 'number' },
        rowsPerSecond: { ...nullableNumber, description: 'Of work' },
      },
    },
    completeThroughMs: nullableNumber,
    oldestOpen: {
      type: ['object', 'null'],
      description: 'What closes first, and `why` it has not',
      additionalProperties: true,
    },
    late: count,
    failed: count,
    stateFull: count,
    stateShed: count,
    spilled: count,
    delays: { type: 'array', description: 'Rows by how long after their event time they came', items: row },
  },
};

/** By name. */
export const EXPLAIN_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  ViewExplanation: {
    type: 'object',
    required: ['view', 'nowMs', 'definitions', 'swap'],
    properties: {
      view: text,
      nowMs: { type: 'number' },
      definitions: { type: 'array', description: 'That which answers first', items: definition },
      swap: {
        type: ['object', 'null'],
        description: 'A new definition that does not answer yet',
        additionalProperties: true,
      },
      change: {
        type: 'object',
        description:
          'What the statement that was given would be; a replay says how many rows and files of the lake it reads',
        additionalProperties: true,
      },
    },
  },
  ViewDiff: {
    type: 'object',
    required: [
      'view',
      'before',
      'newest',
      'throughMs',
      'beforeSinceMs',
      'newestSinceMs',
      'incomparable',
      'counts',
      'columns',
      'added',
      'removed',
      'onlyBefore',
      'onlyNewest',
    ],
    properties: {
      view: text,
      before: { ...text, description: 'Epoch of the definition before' },
      newest: { ...text, description: 'Epoch of the new one' },
      throughMs: { ...nullableNumber, description: 'Windows that end by then are compared' },
      beforeSinceMs: {
        ...nullableNumber,
        description: 'Rows that came before were gone when the definition before began',
      },
      newestSinceMs: { ...nullableNumber, description: 'Rows that came before were gone when the new one began' },
      incomparable: { type: ['string', 'null'], description: "Why rows can't be brought together" },
      counts: {
        type: 'object',
        required: ['same', 'changed', 'onlyBefore', 'onlyNewest'],
        properties: { same: count, changed: count, onlyBefore: count, onlyNewest: count },
      },
      columns: {
        type: 'array',
        description: 'Measures of both: rows that differ, and the largest differences',
        items: row,
      },
      added: texts,
      removed: texts,
      onlyBefore: rows,
      onlyNewest: rows,
    },
  },
};
