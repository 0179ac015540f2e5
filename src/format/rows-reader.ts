/**
 * Rows as plain objects, at speed: what a transform's function gets.
 *
 * One generated function a schema and shape of batch makes the whole object in one literal, so all
 * events of a stream have one hidden class. Every column is there, null included, with the values
 * of `event/rows.ts`. `rows-writer.ts` is the twin.
 */
import type { ColumnBatch } from '../event/columns.js';
import type { Schema } from '../event/schema.js';
import { printNames, readExpression, sourceColumns, type SourceColumn } from './rows/source.js';
import { KernelCache, shapesOf, type ColumnShape } from './shapes.js';

/** An event as an object. */
export type EventObject = Record<string, unknown>;

type ReaderKernel = (columns: readonly SourceColumn[]) => (row: number) => EventObject;

/**
 * A reader of batches of `schema`. Lists and JSON values are made for each object; the caller may
 * change it as it likes.
 */
export function eventReader(schema: Schema): (batch: ColumnBatch) => (row: number) => EventObject {
  const kernels = new KernelCache<ReaderKernel>();
  return (batch) => {
    const shapes = shapesOf(batch);
    return kernels.get(shapes.join(''), () => readerKernel(schema, shapes))(sourceColumns(batch));
  };
}

function readerKernel(schema: Schema, shapes: readonly ColumnShape[]): ReaderKernel {
  const names: string[] = [];
  const members = schema.columns.map((column, index) => {
    const expression = readExpression(column, index, shapes[index]!);
    names.push(printNames(expression.names, index));
    return `${printKey(column.name)}: ${expression.code}`;
  });
  const text = [`'use strict';`, ...names, 'return (row) => ({', `${members.join(',\n')}`, '});'].join('\n');
  // Column names come in as quoted texts only.
  return new Function('columns', text) as ReaderKernel;
}

/** A quoted `__proto__` would set the prototype; what is computed is slower, but a column like others. */
function printKey(name: string): string {
  return name === '__proto__' ? `['__proto__']` : JSON.stringify(name);
}
