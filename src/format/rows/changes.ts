/**
 * Which values of objects differ from those of the rows that they were made from.
 *
 * A generated function a schema and shape of source reads every property of an object once and
 * compares it with the row's value (`source.ts`); what differs is noted by column.
 */
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import { MillraceError } from '../../util/errors.js';
import type { ColumnShape } from '../shapes.js';
import { nullTest, printNames, readExpression, type SourceColumn } from './source.js';
import { preview } from './values.js';

/** What objects say of one column: values that differ from the source's, or that may. */
export interface Changes {
  /** Positions of the objects, rising. */
  readonly rows: number[];
  /** What they say, one each. */
  readonly values: unknown[];
}

/** Why an object is not in the batch. */
export interface RowFault {
  /** Its position among the objects. */
  readonly row: number;
  readonly error: MillraceError;
}

/** The column of the source that a column of the target has its values from. */
export interface SourcePlace {
  /** Position in the source's schema; -1 when there is none. */
  readonly index: number;
  readonly shape: ColumnShape;
}

/** Notes what an object, made from row `row` of the source, says otherwise; throws when it is no event. */
export type NoteChanges = (event: unknown, row: number, position: number) => void;

/** Binds a source's columns, and where changes are noted. */
export type ChangeKernel = (columns: readonly SourceColumn[], changes: readonly Changes[]) => NoteChanges;

/** The kernel for objects of `schema` made from a source whose columns are at `places`. */
export function changeKernel(schema: Schema, places: readonly SourcePlace[]): ChangeKernel {
  const fields = schema.columns.map((column, index) => printField(column, index, places[index]!, schema));
  const text = [
    `'use strict';`,
    'return (columns, changes) => {',
    ...fields.flatMap(({ names }) => names),
    ...schema.columns.map((_, index) => `const { rows: rows${index}, values: changed${index} } = changes[${index}];`),
    'return (event, row, position) => {',
    '  if (!check.isObject(event)) throw check.noObject(event);',
    '  let known = 0;',
    ...fields.map(({ code }) => code),
    '  if (Object.keys(event).length !== known) check.properties(event);',
    '};',
    '};',
  ].join('\n');
  const names = new Set(schema.columns.map(({ name }) => name));
  // Column names come in as quoted texts only.
  return (new Function('check', text) as (check: Checks) => ChangeKernel)(checksOf(names));
}

function printField(
  column: ColumnDefinition,
  index: number,
  { index: from, shape }: SourcePlace,
  schema: Schema,
): { names: string[]; code: string } {
  const read = printProperty(column.name);
  const note = `rows${index}.push(position); changed${index}.push(value);`;
  const isStamp = index === schema.roles.receivedAt;
  if (from < 0) return { names: [], code: `{ const value = ${read}; if (value !== undefined) known++; ${note} }` };
  // The log stamps rows anew, so what an object says of it is of no meaning.
  if (isStamp) return { names: [], code: `if (${read} !== undefined) known++;` };
  const expression = readExpression(schema.columns[index]!, from, shape);
  // What may have been changed in place is compared by content, later.
  const differs = expression.mutable
    ? `(value ?? null) !== null || !(${nullTest(from)})`
    : `(value ?? null) !== ${expression.code}`;
  return {
    names: [printNames(expression.mutable ? ['nulls'] : expression.names, from)],
    code: `{ const value = ${read}; if (value !== undefined) known++; if (${differs}) { ${note} } }`,
  };
}

/** Names that every object has by its prototype must be its own. */
function printProperty(name: string): string {
  const property = `event[${JSON.stringify(name)}]`;
  return name in Object.prototype
    ? `(Object.hasOwn(event, ${JSON.stringify(name)}) ? ${property} : undefined)`
    : property;
}

type Checks = ReturnType<typeof checksOf>;

function checksOf(names: ReadonlySet<string>) {
  return {
    isObject: (event: unknown): boolean => typeof event === 'object' && event !== null && !Array.isArray(event),
    noObject: (event: unknown) => new MillraceError('EVENT_TYPE', `expected an event, found ${preview(event)}`),
    /** Called when an object has properties that are no columns, or that are undefined. */
    properties: (event: object): void => {
      for (const name of Object.keys(event))
        if (!names.has(name))
          throw new MillraceError('EVENT_FIELD_UNKNOWN', `'${name.slice(0, 80)}' is not a column of the stream`, {
            place: name,
          });
    },
  };
}
