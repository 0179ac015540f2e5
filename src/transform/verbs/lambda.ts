/**
 * `lambda`: a function that speaks the contract of Amazon Data Firehose, at an address or as the module
 * of a handler, unchanged. Each event is a record, its data the event as a line of JSON; what comes
 * back is a JSON object of the output's columns, or several, one a line. Of a stream of raw records the
 * data is the record's own bytes, and where the output is one too, so is what comes back.
 *
 * Partition keys of an answer go to the json column `partition_keys` where the output has one.
 */
import { bundleModule } from '../../config/read-file.js';
import type { LambdaOptions } from '../../config/transform-options.js';
import type { BytesColumn, ColumnBatch, IntegerColumn } from '../../event/columns.js';
import { numberAt } from '../../event/integers.js';
import { holdsRecords, PARTITION_KEYS, RECORD_DATA } from '../../event/records.js';
import { valueOf } from '../../event/rows.js';
import type { Schema } from '../../event/schema.js';
import { JsonLines } from '../../format/json-lines.js';
import { eventWriter } from '../../format/rows-writer.js';
import { FunctionHost } from '../functions/host.js';
import { siblingOf } from '../functions/ids.js';
import { LambdaBuffer, type RecordOutcome } from '../lambda/buffer.js';
import type { LambdaRecord } from '../lambda/contract.js';
import { handlerInvoker, httpInvoker, type Invoker } from '../lambda/invoker.js';
import { countRows, eachRow, noRows, type Rows } from '../rows.js';
import type { Step, StepServices, Verb } from '../verb.js';
import type { Work } from '../work.js';
import { FUNCTION_PACKAGE } from './function.js';

/** The verb. */
export const lambda: Verb<LambdaOptions> = {
  async plan(options, context) {
    const { target } = options;
    const code = 'file' in target ? (await bundleModule(target.file, FUNCTION_PACKAGE)).code : '';
    const output = options.schema ?? context.wanted ?? context.schema;
    const planned = { options, code, name: context.transform, input: context.schema, output };
    return { schema: output, open: (services) => new LambdaStep(planned, services) };
  },
};

interface Planned {
  readonly options: LambdaOptions;
  readonly code: string;
  readonly name: string;
  readonly input: Schema;
  readonly output: Schema;
}

class LambdaStep implements Step {
  readonly #output: Schema;
  readonly #lines: JsonLines;
  readonly #writer: ReturnType<typeof eventWriter>;
  readonly #idName: string | null;
  readonly #keepsKeys: boolean;
  /** Whether records go out, and come back, as their own bytes. */
  readonly #isRawInput: boolean;
  readonly #isRaw: boolean;
  readonly #host: FunctionHost | null;
  readonly #invoker: Invoker;
  readonly #buffer: LambdaBuffer;

  constructor(planned: Planned, services: StepServices) {
    const { options, name, input, output } = planned;
    this.#output = output;
    this.#lines = new JsonLines(input);
    this.#writer = eventWriter(output);
    this.#idName = output.columns[output.roles.eventId]?.name ?? null;
    this.#keepsKeys = output.columns.some((column) => column.name === PARTITION_KEYS && column.type === 'json');
    this.#isRawInput = holdsRecords(input);
    this.#isRaw = this.#isRawInput && holdsRecords(output);
    this.#host = hostOf(planned, services);
    const { target, timeoutMs, concurrency } = options;
    this.#invoker =
      this.#host === null
        ? httpInvoker((target as { url: string }).url, timeoutMs, concurrency)
        : handlerInvoker(this.#host);
    this.#buffer = new LambdaBuffer(options, name, this.#invoker, services.clock);
  }

  get heldBytes(): number {
    return this.#buffer.bytes;
  }

  get restarts(): number {
    return this.#host?.restarts ?? 0;
  }

  async run(rows: Rows, work: Work): Promise<Rows> {
    if (countRows(rows) === 0) return noRows(this.#output);
    const outcomes = await this.#buffer.add(this.#records(rows, work));
    const writer = this.#writer.begin();
    const origins: number[] = [];
    let next = 0;
    eachRow(rows, (row, origin) => {
      const events = this.#take(outcomes[next++]!, rows.batch, row, origin, work);
      events.forEach((event, i) => {
        writer.add(i === 0 ? event : siblingOf(events[0], event, i, this.#idName));
        origins.push(origin);
      });
    });
    const { batch, faults } = writer.finish();
    const bad = new Set(faults.map(({ row }) => row));
    for (const { row, error } of faults)
      work.fail(origins[row]!, { code: error.code, message: error.message, path: error.place ?? null });
    if (batch.rows === 0) return noRows(this.#output);
    const kept = bad.size === 0 ? origins : origins.filter((_, position) => !bad.has(position));
    return { batch, selected: null, origins: Uint32Array.from(kept) };
  }

  #records({ batch, selected }: Rows, work: Work): LambdaRecord[] {
    const dataOf = this.#isRawInput ? rawData(batch, selected) : this.#lineData(batch, selected);
    const stamps =
      work.source.redriven === null ? null : (batch.column(batch.schema.roles.receivedAt) as IntegerColumn);
    return Array.from({ length: selected?.length ?? batch.rows }, (_, i) => ({
      data: dataOf(i),
      arrivalMs: stamps === null ? work.source.receivedAt : numberAt(stamps, selected === null ? i : selected[i]!),
    }));
  }

  #lineData(batch: ColumnBatch, selected: Uint32Array | null): (i: number) => Uint8Array {
    const { data, offsets } = this.#lines.encode({ batch, rows: selected });
    return (i) => data.subarray(offsets[i], offsets[i + 1]);
  }

  /** The events that a record came back as; none when it was dropped or failed. */
  #take(
    outcome: RecordOutcome,
    batch: ColumnBatch,
    row: number,
    origin: number,
    work: Work,
  ): Record<string, unknown>[] {
    if ('failure' in outcome) {
      work.fail(origin, { ...outcome.failure, path: null });
      return [];
    }
    if (outcome.result === 'ProcessingFailed') {
      work.fail(origin, { code: 'TRANSFORM_FAILED', message: 'the function answered ProcessingFailed', path: null });
      return [];
    }
    if (outcome.result === 'Dropped') {
      work.filter(origin, 'function');
      return [];
    }
    const { partitionKeys } = outcome;
    const keys = this.#keepsKeys && partitionKeys !== null ? { [PARTITION_KEYS]: partitionKeys } : {};
    if (this.#isRaw) return [{ ...recordOf(batch, row), data: outcome.data.toString('base64'), ...keys }];
    try {
      const events = objectsOf(outcome.data.toString('utf8'));
      if (events.length === 0) throw new Error('there is no JSON object in the data');
      return events.map((event) => ({ ...event, ...keys }));
    } catch (error) {
      const message = `the data that came back is not JSON objects, one a line: ${(error as Error).message}`;
      work.fail(origin, { code: 'EVENT_MALFORMED', message, path: null });
      return [];
    }
  }

  restore(): void {
    this.#buffer.clear();
  }

  async close(): Promise<void> {
    this.#buffer.clear();
    await this.#invoker.close();
  }
}

function hostOf({ options, code, name, input, output }: Planned, { clock, say }: StepServices): FunctionHost | null {
  const { target, timeoutMs, concurrency, memoryBytesMax } = options;
  if (!('file' in target)) return null;
  const data = { kind: 'lambda' as const, code, file: target.file, name, timeoutMs, concurrency, input, output };
  return new FunctionHost({ data, memoryBytesMax, clock, say });
}

/** The bytes of raw records, by their place among those selected. */
function rawData(batch: ColumnBatch, selected: Uint32Array | null): (i: number) => Uint8Array {
  const { data, offsets } = batch.column(RECORD_DATA) as BytesColumn;
  return (i) => {
    const row = selected === null ? i : selected[i]!;
    return data.subarray(offsets[row], offsets[row + 1]);
  };
}

/** A raw record's id and tenant. */
function recordOf(batch: ColumnBatch, row: number): Record<string, unknown> {
  const { columns, roles } = batch.schema;
  return Object.fromEntries(
    [roles.eventId, roles.tenant].map((index) => {
      const { name, type } = columns[index]!;
      return [name, valueOf(batch.column(index), type, row)];
    }),
  );
}

/** One JSON object, however it is laid out, or several, one a line. */
function objectsOf(text: string): Record<string, unknown>[] {
  const single = tryParse(text);
  const values =
    single === undefined
      ? text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map(parseLine)
      : [single];
  for (const value of values)
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error(`found ${JSON.stringify(value).slice(0, 60)}`);
  return values as Record<string, unknown>[];
}

function parseLine(line: string): unknown {
  return JSON.parse(line) as unknown;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Several lines are no JSON as a whole; what is wrong with one of them is told by `parseLine`.
    return undefined;
  }
}
