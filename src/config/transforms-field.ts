/** Transforms as they are written → `TransformOptions`; what they name must exist. */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { isInternalStream, LATE_STREAM, QUARANTINE_STREAM } from '../event/internal.js';
import { duration, NAME, NAME_EXAMPLE, optionalWhole, size } from './fields.js';
import { MillraceError } from '../util/errors.js';
import { mistakesOf, type ConfigMistake } from './issues.js';
import { schemaField } from './schema-field.js';
import { stepField } from './transform-step-fields.js';
import type { LambdaOptions, StepOptions, TransformOptions } from './transform-options.js';

const streamName = z.string().regex(NAME, { error: `expected ${NAME_EXAMPLE}` });

const transformField = z.strictObject({
  from: z.string({ error: 'expected the name of a stream' }).meta({
    description: 'The stream it reads: one of `streams`, the output of another transform, `quarantine` or `late`',
  }),
  to: streamName.optional().meta({ description: "The stream it writes; default: the transform's name" }),
  schema: schemaField.optional().meta({
    description: "Columns of the output; default: what the steps make of the input's",
    kind: 'schema',
  }),
  steps: z.array(stepField, { error: 'expected a list of steps [ … ]' }).default([]).meta({
    description: 'What is done to each event, in order; each step has one verb',
  }),
  partitions: optionalWhole('Of the output, fixed when it is made; default: as many as `from` has', 1, 64),
  clock: z.enum(['arrival', 'event'], { error: "expected 'arrival' or 'event'" }).default('arrival').meta({
    description: "The output's clock, as of a stream",
  }),
  retention: duration('7 d', 'How long rows of the output stay in the log after every reader has passed', 1_000),
  sizeMax: size('50 GiB', 'Log on disk at which the policy acts', 1024 ** 2),
  policy: z.enum(['refuse', 'cut'], { error: "expected 'refuse' or 'cut'" }).default('refuse').meta({
    description: 'At the size: `refuse`, so that the transform waits, or `cut` the oldest',
  }),
  lake: z.boolean().default(true).meta({ description: 'Whether rows of the output go to the lake (Parquet)' }),
});

/** Transforms by name. */
export const transformsField = z.record(streamName, transformField).default({});

type TransformsInput = z.output<typeof transformsField>;
type StepInput = z.output<typeof stepField>;

/** The transforms of a configuration; relative paths start at `folder`. */
export function transformOptions(transforms: TransformsInput, folder: string): TransformOptions[] {
  return Object.entries(transforms).map(([name, { to, schema, steps, partitions, retention, sizeMax, ...rest }]) => ({
    ...rest,
    name,
    to: to ?? name,
    schema,
    steps: steps.map((step) => stepOptions(step, folder)),
    partitions,
    retentionMs: retention,
    bytesMax: sizeMax,
  }));
}

/** A transform made at run time, from what a configuration would say, into the stream `to`. Throws ARGUMENT_INVALID. */
export function parseTransform(name: string, to: string, input: unknown): TransformOptions {
  const parsed = transformField.safeParse(input);
  if (parsed.success) return { ...transformOptions({ [name]: parsed.data }, '/')[0]!, to };
  const mistakes = mistakesOf(parsed.error.issues, input, () => []);
  throw new MillraceError('ARGUMENT_INVALID', mistakes.map(({ path, message }) => `${path}: ${message}`).join('\n'), {
    place: mistakes[0]?.path ?? name,
  });
}

/** What transforms name that does not exist, and names that are taken. */
export function transformMistakes(
  transforms: TransformsInput,
  streams: readonly string[],
  folder: string,
): ConfigMistake[] {
  const mistakes: ConfigMistake[] = [];
  const outputs = new Map<string, string>();
  for (const [name, transform] of Object.entries(transforms)) {
    const to = transform.to ?? name;
    const path = `transforms.${name}${transform.to === undefined ? '' : '.to'}`;
    const writer = outputs.get(to);
    if (streams.includes(to) || isInternalStream(to))
      mistakes.push({ path, message: `expected a name for its output that is no stream yet, found '${to}'` });
    else if (writer !== undefined)
      mistakes.push({ path, message: `expected an output of its own, found '${to}', which is that of '${writer}'` });
    else outputs.set(to, name);
  }
  const sources = [...streams, ...outputs.keys(), QUARANTINE_STREAM, LATE_STREAM];
  for (const [name, { from, steps }] of Object.entries(transforms)) {
    const path = `transforms.${name}`;
    if (!sources.includes(from))
      mistakes.push({ path: `${path}.from`, message: `expected a stream: ${sources.join(', ')}, found '${from}'` });
    else if (isCircle(name, transforms))
      mistakes.push({ path: `${path}.from`, message: `expected a stream that does not come from '${name}' itself` });
    steps.forEach((step, index) => mistakes.push(...fileMistakes(step, `${path}.steps[${index}]`, folder)));
  }
  return mistakes;
}

function isCircle(name: string, transforms: TransformsInput): boolean {
  const byOutput = new Map(Object.entries(transforms).map(([one, { to, from }]) => [to ?? one, from]));
  const seen = new Set<string>();
  for (let at: string | undefined = transforms[name]!.from; at !== undefined; at = byOutput.get(at)) {
    if (at === (transforms[name]!.to ?? name)) return true;
    if (seen.has(at)) return false;
    seen.add(at);
  }
  return false;
}

function fileMistakes(step: StepInput, path: string, folder: string): ConfigMistake[] {
  const named: [string, string | undefined][] = [
    ['function', step.function],
    ['batchFunction', step.batchFunction],
    ['lambda', step.lambda === undefined || isAddress(step.lambda) ? undefined : step.lambda],
    ['lookup.file', step.lookup?.file],
  ];
  return named.flatMap(([key, file]) =>
    file === undefined || existsSync(absolute(file, folder))
      ? []
      : [{ path: `${path}.${key}`, message: `expected a file, found none at '${absolute(file, folder)}'` }],
  );
}

function absolute(file: string, folder: string): string {
  return isAbsolute(file) ? file : join(folder, file);
}

function isAddress(target: string): boolean {
  return /^https?:\/\//.test(target);
}

const TIMEOUT_MS = { function: 1_000, batchFunction: 10_000, lambda: 300_000 };
const MEMORY_BYTES = 256 * 1024 ** 2;

function stepOptions(step: StepInput, folder: string): StepOptions {
  if (step.filter !== undefined) return { verb: 'filter', condition: step.filter };
  if (step.rename !== undefined) return { verb: 'rename', names: step.rename };
  if (step.mask !== undefined) return { verb: 'mask', columns: step.mask };
  if (step.hash !== undefined) return { verb: 'hash', ...step.hash };
  if (step.set !== undefined)
    return {
      verb: 'set',
      columns: Object.entries(step.set).map(([name, value]) =>
        typeof value === 'string' ? { name, sql: value, type: undefined } : { name, ...value },
      ),
    };
  if (step.sample !== undefined) return { verb: 'sample', rate: step.sample.rate, by: step.sample.by };
  if (step.split !== undefined) {
    const { column, cases = {}, as } = step.split;
    const list = Object.entries(cases).map(([name, condition]) => ({ name, condition }));
    return { verb: 'split', column, cases: list, as };
  }
  return dataStep(step, folder) ?? codeStep(step, folder);
}

function dataStep(step: StepInput, folder: string): StepOptions | undefined {
  if (step.flatten !== undefined) {
    const fields = Object.entries(step.flatten.fields).map(([name, field]) =>
      typeof field === 'string'
        ? { name, path: [name], type: field }
        : { name, path: field.path.split('.'), type: field.type },
    );
    return { verb: 'flatten', column: step.flatten.column, fields };
  }
  if (step.lookup !== undefined) {
    const { file, key, fileKey = key, columns, rowsMax, missing } = step.lookup;
    const list = Object.entries(columns).map(([name, field]) =>
      typeof field === 'string' ? { name, field: name, type: field } : { name, ...field },
    );
    return { verb: 'lookup', file: absolute(file, folder), key, fileKey, columns: list, rowsMax, missing };
  }
  if (step.dedupe !== undefined) {
    const { by, window, keysMax } = step.dedupe;
    return { verb: 'dedupe', by: typeof by === 'string' ? [by] : by, windowMs: window, keysMax };
  }
  if (step.enrich !== undefined) return { verb: 'enrich', ...step.enrich };
  return undefined;
}

function codeStep(step: StepInput, folder: string): StepOptions {
  if (step.lambda !== undefined) return lambdaStep(step, step.lambda, folder);
  const verb = step.function === undefined ? 'batchFunction' : 'function';
  return {
    verb,
    file: absolute((step.function ?? step.batchFunction)!, folder),
    schema: step.schema,
    timeoutMs: step.timeout ?? TIMEOUT_MS[verb],
    memoryBytesMax: step.memory ?? MEMORY_BYTES,
    concurrency: step.concurrency ?? 16,
  };
}

function lambdaStep(step: StepInput, target: string, folder: string): LambdaOptions {
  return {
    verb: 'lambda',
    target: isAddress(target) ? { url: target } : { file: absolute(target, folder) },
    schema: step.schema,
    timeoutMs: step.timeout ?? TIMEOUT_MS.lambda,
    memoryBytesMax: step.memory ?? MEMORY_BYTES,
    retries: step.retries ?? 3,
    concurrency: step.concurrency ?? 4,
    buffer: {
      recordsMax: step.bufferRecords ?? 500,
      bytesMax: step.bufferSize ?? 1024 ** 2,
      intervalMs: step.bufferInterval ?? 1_000,
    },
    arn: step.arn ?? 'arn:aws:firehose:us-east-1:000000000000:deliverystream/millrace',
    region: step.region ?? 'us-east-1',
  };
}
