/**
 * `lambda`: a function that speaks the contract of Amazon Data Firehose, at an address or as the module
 * of a handler, unchanged. Each event is a record, its data the event as a line of JSON; what comes
 * back is a JSON object of the output's columns, or several, one a line.
 *
 * Partition keys of an answer go to the json column `partition_keys` where the output has one.
 */
import { bundleModule } from '../../config/read-file.js';
import type { LambdaOptions } from '../../config/transform-options.js';
import type { IntegerColumn } from '../../event/columns.js';
import { numberAt } from '../../event/integers.js';
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

const PARTITION_KEYS = 'partition_keys';

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
    eachRow(rows, (_row, origin) => {
      const events = this.#take(outcomes[next++]!, origin, work);
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
    const { data, offsets } = this.#lines.encode({ batch, rows: selected });
    const stamps =
      work.source.redriven === null ? null : (batch.column(batch.schema.roles.receivedAt) as IntegerColumn);
    return Array.from({ length: offsets.length - 1 }, (_, i) => ({
      data: data.subarray(offsets[i], offsets[i + 1]),
      arrivalMs: stamps === null ? work.source.receivedAt : numberAt(stamps, selected === null ? i : selected[i]!),
    }));
  }

  /** The events that a record came back as; none when it was dropped or failed. */
  #take(outcome: RecordOutcome, origin: number, work: Work): Record<string, unknown>[] {
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
    try {
      const events = objectsOf(outcome.data);
      if (events.length === 0) throw new Error('there is no JSON object in the data');
      const { partitionKeys } = outcome;
      if (!this.#keepsKeys || partitionKeys === null) return events;
      return events.map((event) => ({ ...event, [PARTITION_KEYS]: partitionKeys }));
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
