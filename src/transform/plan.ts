/** What each transform makes of which columns: checked before anything runs, without running anything. */
import type { TransformOptions } from '../config/transform-options.js';
import type { MillraceOptions, StreamOptions } from '../config/options.js';
import { LATE_SCHEMA, LATE_STREAM, QUARANTINE_SCHEMA, QUARANTINE_STREAM } from '../event/internal.js';
import type { Schema } from '../event/schema.js';
import type { Log, StreamDefinition } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import type { Rows } from './rows.js';
import { shapeTo } from './shape.js';
import { stepMistake, type OwnStream, type StepPlan } from './verb.js';
import { planStep } from './verbs/index.js';

/** A transform whose steps are planned. */
export interface TransformPlan {
  readonly options: TransformOptions;
  readonly input: Schema;
  readonly output: Schema;
  readonly steps: readonly StepPlan[];
  /** Brings what the last step makes into `output`. */
  readonly shape: ((rows: Rows) => Rows) | null;
}

/** Plans the steps of one transform over `input`. Throws CONFIG_INVALID and SQL_* naming step and column. */
export async function planTransform(options: TransformOptions, input: Schema): Promise<TransformPlan> {
  const place = `transforms.${options.name}`;
  const steps: StepPlan[] = [];
  let schema = input;
  for (const [index, step] of options.steps.entries()) {
    const wanted = index === options.steps.length - 1 ? options.schema : undefined;
    const planned = await planStep(step, {
      transform: options.name,
      place: `${place}.steps[${index}]`,
      schema,
      wanted,
    });
    if (planned.own !== undefined && steps.some(({ own }) => own?.name === planned.own!.name))
      throw stepMistake(`${place}.steps[${index}]`, 'an earlier step does the same and would share its memory');
    steps.push(planned);
    ({ schema } = planned);
  }
  const output = options.schema ?? schema;
  return { options, input, output, steps, shape: shapeTo(schema, output, `${place}.schema`) };
}

/** A stream that a transform makes; `lake` as the configuration says. */
export type DerivedStream = StreamOptions & StreamDefinition & { readonly derived: true };

/** The streams of all transforms, and a mistake for each that can't be planned. */
export interface PlannedStreams {
  readonly streams: readonly DerivedStream[];
  /** What the steps keep for themselves. */
  readonly own: readonly OwnStream[];
  readonly errors: readonly MillraceError[];
}

/**
 * Plans every transform, those first whose source is no transform's output. What can't be planned is
 * an error of its own, and so that the others are checked too, nothing is thrown.
 */
export async function planTransforms(
  transforms: readonly TransformOptions[],
  streams: readonly StreamOptions[],
): Promise<PlannedStreams> {
  const sources = new Map<string, { readonly schema: Schema; readonly partitions: number }>([
    ...streams.map((stream) => [stream.name, stream] as const),
    [QUARANTINE_STREAM, { schema: QUARANTINE_SCHEMA, partitions: 1 }],
    [LATE_STREAM, { schema: LATE_SCHEMA, partitions: 1 }],
  ]);
  const derived: DerivedStream[] = [];
  const own: OwnStream[] = [];
  const errors: MillraceError[] = [];
  let left = [...transforms];
  for (let ready = left; ready.length > 0;) {
    ready = left.filter(({ from }) => sources.has(from));
    left = left.filter((one) => !ready.includes(one));
    for (const options of ready) {
      const source = sources.get(options.from)!;
      try {
        const plan = await planTransform(options, source.schema);
        const stream = derivedStream(plan, source.partitions);
        sources.set(stream.name, stream);
        derived.push(stream);
        own.push(...ownStreams(plan));
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        errors.push(error);
      }
    }
  }
  return { streams: derived, own, errors };
}

/** A configuration whose streams include those of its transforms. Throws the first mistake. */
export async function withDerivedStreams(options: MillraceOptions): Promise<MillraceOptions> {
  const { streams, errors } = await planTransforms(options.transforms, options.streams);
  if (errors.length > 0) throw errors[0]!;
  return { ...options, streams: [...options.streams, ...streams] };
}

/**
 * Removes the readers of transforms that are no longer there, so that retention may go on. `readers`
 * are all readers of the log.
 */
export async function removeOldTransforms(
  log: Log,
  readers: readonly { readonly id: string }[],
  transforms: readonly TransformOptions[],
): Promise<void> {
  const inForce = new Set(transforms.map(({ name }) => transformReader(name)));
  for (const { id } of readers) if (id.startsWith(READER_PREFIX) && !inForce.has(id)) await log.removeReader(id);
}

const READER_PREFIX = 'transform.';

/** The reader of a transform. */
export function transformReader(name: string): string {
  return READER_PREFIX + name;
}

/** The streams that the steps of a plan keep for themselves. */
export function ownStreams({ steps }: TransformPlan): OwnStream[] {
  return steps.flatMap(({ own }) => (own === undefined ? [] : [own]));
}

/** The stream that a plan writes. */
export function derivedStream({ options, output }: TransformPlan, sourcePartitions: number): DerivedStream {
  const { to, partitions, clock, retentionMs, bytesMax, policy, lake } = options;
  return {
    name: to,
    schema: output,
    partitions: partitions ?? sourcePartitions,
    clock,
    retentionMs,
    bytesMax,
    policy,
    lake,
    derived: true,
  };
}

/** The definition of a step's own stream. */
export function ownDefinition({ name, schema, retentionMs }: OwnStream): StreamDefinition {
  return { name, schema, partitions: 1, clock: 'arrival', retentionMs, bytesMax: 20 * 1024 ** 3, policy: 'cut' };
}
