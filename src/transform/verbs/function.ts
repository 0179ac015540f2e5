/**
 * `function` and `batchFunction`: the user's own code, in a process of its own with a limit of time and
 * memory. `functions/host.ts` says what becomes of an event that throws, hangs or needs too much.
 */
import { bundleModule } from '../../config/read-file.js';
import type { FunctionOptions } from '../../config/transform-options.js';
import { BATCH_ROWS_MAX, decodeBatch } from '../../event/batch.js';
import { allNull } from '../../event/batch/widen.js';
import type { IntegerColumn } from '../../event/columns.js';
import { concat } from '../../event/gather.js';
import { numberAt } from '../../event/integers.js';
import type { Schema } from '../../event/schema.js';
import { FunctionHost } from '../functions/host.js';
import type { FunctionAnswer, FunctionKind } from '../functions/protocol.js';
import { noRows, schemaOf, withColumns, type ColumnSource, type Rows } from '../rows.js';
import { shapeTo } from '../shape.js';
import type { Step, StepServices, Verb } from '../verb.js';
import type { Work } from '../work.js';

/** The module of the built package that `millrace` means in a function's module. */
export const FUNCTION_PACKAGE = 'transform/functions/define.js';

/** The verb. */
export const functionVerb: Verb<FunctionOptions> = {
  async plan(options, context) {
    const { code } = await bundleModule(options.file, FUNCTION_PACKAGE);
    const output = options.schema ?? context.wanted ?? context.schema;
    const isBatch = options.verb === 'batchFunction';
    const kind: FunctionKind = isBatch ? 'batch' : 'event';
    const given = isBatch ? withRoomFor(context.schema, output) : context.schema;
    const answered = isBatch ? given : output;
    const planned = {
      options,
      kind,
      code,
      name: context.transform,
      given,
      answered,
      widen: widening(context.schema, given),
      shape: shapeTo(answered, output, `${context.place}.schema`),
      output,
    };
    return { schema: output, open: (services) => new FunctionStep(planned, services) };
  },
};

interface Planned {
  readonly options: FunctionOptions;
  readonly kind: FunctionKind;
  readonly code: string;
  readonly name: string;
  /** Columns that the function gets. */
  readonly given: Schema;
  /** Columns that come back. */
  readonly answered: Schema;
  readonly widen: ((rows: Rows) => Rows) | null;
  readonly shape: ((rows: Rows) => Rows) | null;
  readonly output: Schema;
}

class FunctionStep implements Step {
  readonly #planned: Planned;
  readonly #host: FunctionHost;

  constructor(planned: Planned, { clock, say }: StepServices) {
    const { options, kind, code, name, given, answered } = planned;
    const { file, timeoutMs, memoryBytesMax, concurrency } = options;
    this.#planned = planned;
    const data = { kind, code, file, name, timeoutMs, concurrency, input: given, output: answered };
    this.#host = new FunctionHost({ data, memoryBytesMax, clock, say });
  }

  get heldBytes(): number {
    return this.#host.heldBytes;
  }

  get restarts(): number {
    return this.#host.restarts;
  }

  async run(rows: Rows, work: Work): Promise<Rows> {
    const { widen, shape, answered, output } = this.#planned;
    const given = widen === null ? rows : widen(rows);
    const answers: Rows[] = [];
    for (const { chosen, receivedAt } of portions(given, work)) {
      const origins = given.origins === null ? chosen : pick(given.origins, chosen);
      const { stream, partition } = work.source;
      const slice = { batch: given.batch, rows: chosen.length === given.batch.rows ? null : chosen };
      const answer = await this.#host.run({ slice, stream, partition, receivedAt, offsets: offsetsOf(work, origins) });
      note(answer, origins, work);
      if (answer.bytes === null) continue;
      answers.push({
        batch: decodeBatch(answer.bytes, answered),
        selected: null,
        origins: pick(origins, answer.origins),
        encoded: answer.bytes,
      });
    }
    if (answers.length === 0) return noRows(output);
    const joined = join(answers);
    return shape === null ? joined : shape(joined);
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}

interface Portion {
  readonly chosen: Uint32Array;
  readonly receivedAt: number;
}

/** Rows in portions of one message; redriven rows of one stamp together, since each has its own. */
function portions(rows: Rows, work: Work): Portion[] {
  const { batch, selected } = rows;
  const all = selected ?? everyRow(batch.rows);
  const { receivedAt, redriven } = work.source;
  if (redriven === null) return pieces(all, receivedAt);
  const column = batch.column(batch.schema.roles.receivedAt) as IntegerColumn;
  const byStamp = new Map<number, number[]>();
  for (const row of all) {
    const stamp = numberAt(column, row) || receivedAt;
    const list = byStamp.get(stamp);
    if (list === undefined) byStamp.set(stamp, [row]);
    else list.push(row);
  }
  return [...byStamp].flatMap(([stamp, list]) => pieces(Uint32Array.from(list), stamp));
}

function pieces(rows: Uint32Array, receivedAt: number): Portion[] {
  const list: Portion[] = [];
  for (let from = 0; from < rows.length; from += BATCH_ROWS_MAX)
    list.push({ chosen: rows.subarray(from, from + BATCH_ROWS_MAX), receivedAt });
  return list;
}

function everyRow(count: number): Uint32Array {
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row++) rows[row] = row;
  return rows;
}

function pick(values: Uint32Array, rows: Uint32Array): Uint32Array {
  const picked = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]!]!;
  return picked;
}

function offsetsOf(work: Work, origins: Uint32Array): Float64Array {
  const offsets = new Float64Array(origins.length);
  for (let i = 0; i < origins.length; i++) offsets[i] = work.offsetOf(origins[i]!);
  return offsets;
}

function note(answer: FunctionAnswer, origins: Uint32Array, work: Work): void {
  for (const row of answer.dropped) work.filter(origins[row]!, 'function');
  for (const { row, code, message, path } of answer.failures) work.fail(origins[row]!, { code, message, path });
}

function join(answers: readonly Rows[]): Rows {
  if (answers.length === 1) return answers[0]!;
  const batch = concat(answers.map((answer) => answer.batch));
  const origins = new Uint32Array(batch.rows);
  let at = 0;
  for (const { origins: own } of answers) {
    origins.set(own!, at);
    at += own!.length;
  }
  return { batch, selected: null, origins };
}

/** The columns of `schema`, and those that only `output` has: a batch function sets them. */
function withRoomFor(schema: Schema, output: Schema): Schema {
  const names = new Set(schema.columns.map(({ name }) => name));
  const added = output.columns.filter(({ name }) => !names.has(name)).map((column) => ({ ...column, nullable: true }));
  if (added.length === 0) return schema;
  const at = schema.roles.receivedAt;
  return schemaOf(schema, [...schema.columns.slice(0, at), ...added, ...schema.columns.slice(at)]);
}

function widening(from: Schema, to: Schema): ((rows: Rows) => Rows) | null {
  if (from === to) return null;
  const sources = to.columns.map(({ name, type }): ColumnSource => {
    const index = from.columns.findIndex((column) => column.name === name);
    return index < 0 ? (rows) => allNull(type, rows.batch.rows) : index;
  });
  return (rows) => withColumns(rows, to, sources);
}
