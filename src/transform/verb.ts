/**
 * What a verb is: one file that says which columns come out for those that go in, and makes the step
 * that does it.
 *
 *   plan (at start, in `millrace check`) → open (in the thread) → restore → run* → settle* → close
 *
 * `run` gets batches in order. It answers at once, or with a promise; the next batch may come before
 * that settles, and what comes behind a step sees batches in order all the same.
 */
import type { StepOptions } from '../config/transform-options.js';
import type { ColumnDefinition, ColumnType, Schema } from '../event/schema.js';
import type { Clock } from '../io/clock.js';
import type { Log, StreamRows } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import type { Rows } from './rows.js';
import type { Failure, Work } from './work.js';

/** What a step is planned from. */
export interface PlanContext {
  /** The transform's name. */
  readonly transform: string;
  /** Names the step in messages: `transforms.clean.steps[2]`. */
  readonly place: string;
  /** What goes in. */
  readonly schema: Schema;
  /** What must come out, if the configuration says so and this is the last step. */
  readonly wanted: Schema | undefined;
}

/** What a step needs to run. */
export interface StepServices {
  readonly log: Log;
  readonly clock: Clock;
  /** Says something of a step to whoever runs the pipeline. */
  readonly say: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** A planned step. */
export interface StepPlan {
  /** What comes out. */
  readonly schema: Schema;
  /** A stream that the step keeps for itself, written with each commit. */
  readonly own?: OwnStream;
  open(services: StepServices): Step;
}

/** A stream of a step's own: what it remembers. */
export interface OwnStream {
  readonly name: string;
  readonly schema: Schema;
  readonly retentionMs: number;
}

/** A step that runs. */
export interface Step {
  run(rows: Rows, work: Work): Rows | Promise<Rows>;
  /** Forgets what is not committed; called before the first batch and after every failure. */
  restore?(): void | Promise<void>;
  /**
   * The fate of every row of a batch is known, in order of the batches. Answers what the step wants
   * committed with it.
   */
  settle?(work: Work): readonly StreamRows[];
  /** Bytes that it holds for batches under way. */
  readonly heldBytes?: number;
  /** How often its thread was started anew, and the like, for the status. */
  readonly restarts?: number;
  close?(): void | Promise<void>;
}

/** A verb. */
export interface Verb<Options extends StepOptions = StepOptions> {
  plan(options: Options, context: PlanContext): StepPlan | Promise<StepPlan>;
}

/** A mistake in a step: CONFIG_INVALID with its place. */
export function stepMistake(place: string, message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${place}: ${message}`, { place });
}

/** The position of a column that a step names. Throws CONFIG_INVALID listing what there is. */
export function columnAt(context: PlanContext, name: string, types?: readonly ColumnType[], path = name): number {
  const { columns } = context.schema;
  const index = columns.findIndex((column) => column.name === name);
  const place = `${context.place}.${path}`;
  if (index < 0) throw stepMistake(place, `there is no column '${name}'; expected one of ${namesOf(columns)}`);
  if (types === undefined || types.includes(columns[index]!.type)) return index;
  const fitting = columns.filter(({ type }) => types.includes(type));
  throw stepMistake(
    place,
    `column '${name}' is ${columns[index]!.type}; expected ${types.join(' or ')}${fitting.length === 0 ? '' : `, such as ${namesOf(fitting)}`}`,
  );
}

/** Refuses a column that tells tenants, events or times apart, where a step would spoil it. */
export function refuseRole(
  context: PlanContext,
  index: number,
  path: string,
  roles: readonly ('tenant' | 'eventId' | 'eventTime' | 'receivedAt')[],
): void {
  for (const role of roles)
    if (context.schema.roles[role] === index)
      throw stepMistake(
        `${context.place}.${path}`,
        `column '${context.schema.columns[index]!.name}' is the stream's ${role} and must stay as it is`,
      );
}

/**
 * `columns` with new ones before `received_at`. Throws CONFIG_INVALID for a name that is taken.
 */
export function addColumns(
  context: PlanContext,
  added: readonly ColumnDefinition[],
  path: string,
): readonly ColumnDefinition[] {
  const { columns, roles } = context.schema;
  for (const { name } of added) {
    if (columns.some((column) => column.name === name))
      throw stepMistake(`${context.place}.${path}`, `there is a column '${name}' already; expected another name`);
    checkNewName(context, name, path);
  }
  return [...columns.slice(0, roles.receivedAt), ...added, ...columns.slice(roles.receivedAt)];
}

/** Refuses names that are not a column's. */
export function checkNewName(context: PlanContext, name: string, path: string): void {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name) || ['_partition', '_offset'].includes(name))
    throw stepMistake(
      `${context.place}.${path}`,
      `'${name}' is no name for a column; expected lower case letters, digits and _, at most 63`,
    );
}

function namesOf(columns: readonly ColumnDefinition[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/** What was thrown for one row, as its failure. Anything that no row can be blamed for goes on up. */
export function failureOf(error: unknown, path: string | null): Failure {
  if (!(error instanceof MillraceError)) throw error;
  return { code: error.code, message: error.message, path };
}
