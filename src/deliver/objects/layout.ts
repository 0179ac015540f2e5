/**
 * Which objects the rows of a cut become, and their keys:
 *
 *   <prefix><stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>
 *
 * Invariants. A key depends on delivery, range, partition and rows alone, never on the attempt, the clock
 * or chance: whoever sends the same range again writes the same objects. The objects of a replay have
 * keys of their own, with the replay's name in them. A row that has no place is refused, by itself.
 */
import type { ObjectSinkOptions } from '../../config/sinks/objects.js';
import type { IntegerColumn } from '../../event/columns.js';
import { numbersInto } from '../../event/integers.js';
import { PARTITION_KEYS } from '../../event/records.js';
import type { Schema } from '../../event/schema.js';
import { evaluatePrefix, parsePrefix, type KeyPrefix } from '../../format/keys/prefix.js';
import { parseTimePattern } from '../../format/keys/time-pattern.js';
import { parseExpression, type RowExpression } from '../../sql/expression.js';
import { zoneOf } from '../../sql/zones.js';
import { MillraceError } from '../../util/errors.js';
import { derivedId } from '../cut.js';
import { checkRecords } from '../raw-records.js';
import type { CutRows } from '../rows.js';
import type { CutPlace } from '../sink.js';
import { ERROR_OUTPUT_TYPE } from './error-type.js';
import { groupRows, type Grouping } from './groups.js';
import { isSortable, type FailedRows } from './values.js';

/** One object of a cut. */
export interface PlannedObject {
  readonly key: string;
  /** Numbers of its rows in their order; null: all rows, as they are. */
  readonly numbers: Uint32Array | null;
}

/** All objects of a cut. */
export interface ObjectPlan {
  readonly objects: readonly PlannedObject[];
  /** Rows that have no place, with why. */
  readonly failed: FailedRows;
}

/** Characters of `!{firehose:random-string}`. */
const RANDOM_LENGTH = 11;
const NAME_TIME = parseTimePattern('yyyy-MM-dd-HH-mm-ss');

/** Places rows of one schema. */
export class ObjectLayout {
  readonly #options: ObjectSinkOptions;
  readonly #prefix: KeyPrefix;
  readonly #grouping: Grouping;
  /** Names of the group's keys. */
  readonly #names: readonly string[];
  readonly #extension: string;
  readonly #isSorted: boolean;

  private constructor(
    options: ObjectSinkOptions,
    prefix: KeyPrefix,
    grouping: Grouping,
    names: readonly string[],
    extension: string,
  ) {
    this.#options = options;
    this.#prefix = prefix;
    this.#grouping = grouping;
    this.#names = names;
    this.#extension = extension;
    this.#isSorted = grouping.sortBy.length > 0;
  }

  /**
   * The layout for a schema. `place` names the settings in errors: `deliveries.archive.to`.
   *
   * @throws CONFIG_INVALID for a partition key that is nowhere; SQL_* for an expression that means nothing.
   */
  static async of(options: ObjectSinkOptions, schema: Schema, extension: string, place: string): Promise<ObjectLayout> {
    const { errorPrefix, prefix: text = '' } = options;
    if (options.format === 'records') checkRecords(schema, `${place}.format`);
    const prefix = errorPrefix === undefined ? parsePrefix(text) : parsePrefix(errorPrefix, 'errors');
    const keys = keysOf(options, prefix, schema, place);
    const names = [...keys.keys()];
    const sortTexts = options.sortBy.map((sort, index) => [`${place}.sortBy[${index}]`, sort] as const);
    if (!options.pack) {
      const by = await Promise.all(
        names.map((name) => keyText(keys.get(name)!, schema, `${place}.partitionBy.${name}`)),
      );
      return new ObjectLayout(options, prefix, { by, sortBy: await sorts(sortTexts, schema) }, names, extension);
    }
    const packed = names.map((name): readonly [string, string] => [`${place}.partitionBy.${name}`, keys.get(name)!]);
    const { tenant } = schema.roles;
    if (packed.length === 0 && tenant >= 0) packed.push([`${place}.pack`, quoted(schema.columns[tenant]!.name)]);
    const sortBy = await sorts([...packed, ...sortTexts], schema);
    return new ObjectLayout(options, prefix, { by: [], sortBy }, [], extension);
  }

  /** Whether the rows of an object are in another order than they came. */
  get isSorted(): boolean {
    return this.#isSorted;
  }

  /** The objects of a cut. */
  async plan(rows: CutRows, cut: CutPlace): Promise<ObjectPlan> {
    const arrivals = arrivalsOf(rows);
    const isWhole = this.#names.length === 0 && !this.#isSorted;
    const { groups, failed } = isWhole
      ? { groups: [{ keys: [], numbers: null }], failed: new Map<number, Error>() }
      : await groupRows(rows, this.#grouping);
    const objects = groups.map(({ keys, numbers }) => ({
      key: this.#key(keys, oldestOf(arrivals, numbers), cut),
      numbers,
    }));
    return { objects, failed };
  }

  #key(keys: readonly (string | null)[], oldest: number, cut: CutPlace): string {
    const { name = cut.stream, version, timeZone } = this.#options;
    const localMs = oldest + zoneOf(timeZone).offsetMs(oldest);
    const made = [cut.delivery, cut.stream, cut.range, cut.replay ?? '', ...keys.map((key) => key ?? '\0')];
    const partition = (of: string): string | null => keys[this.#names.indexOf(of)] ?? null;
    const prefix = evaluatePrefix(this.#prefix, {
      localMs,
      partition,
      random: (at) =>
        derivedId('random', String(at), ...made)
          .replaceAll('-', '')
          .slice(0, RANDOM_LENGTH),
      errorType: partition(ERROR_OUTPUT_TYPE.name) ?? '',
    });
    const replay = cut.replay === null ? '' : `-replay-${cut.replay}`;
    const id = derivedId('object', ...made);
    return `${prefix}${name}-${version}-${NAME_TIME.format(localMs)}-${id}${replay}${this.#extension}`;
  }
}

/** The partition keys that objects need, by name, as SQL. */
function keysOf(
  { partitionBy, pack }: ObjectSinkOptions,
  prefix: KeyPrefix,
  schema: Schema,
  place: string,
): Map<string, string> {
  const keys = new Map(Object.entries(partitionBy));
  const given = schema.columns.find(({ name, type }) => name === PARTITION_KEYS && type === 'json');
  for (const name of prefix.partitionKeys) {
    if (keys.has(name)) continue;
    if (given === undefined)
      throw new MillraceError(
        'CONFIG_INVALID',
        `${place}.partitionBy: expected the partition key '${name}', which the prefix has`,
        { place },
      );
    keys.set(name, `${PARTITION_KEYS} ->> '${name.replaceAll("'", "''")}'`);
  }
  const hasErrorType = prefix.parts.some(({ kind }) => kind === 'errorType');
  if (hasErrorType && !pack) keys.set(ERROR_OUTPUT_TYPE.name, ERROR_OUTPUT_TYPE.sql);
  return keys;
}

/** An expression as text, whatever its type. */
async function keyText(text: string, schema: Schema, place: string): Promise<RowExpression> {
  // By itself first, so that a mistake is shown in what was written.
  const expression = await parseExpression(text, schema, place);
  return expression.type === 'text' ? expression : parseExpression(`(${text})::text`, schema, place);
}

function sorts(texts: readonly (readonly [place: string, text: string])[], schema: Schema): Promise<RowExpression[]> {
  return Promise.all(
    texts.map(async ([place, text]) => {
      const expression = await parseExpression(text, schema, place);
      if (isSortable(expression)) return expression;
      throw new MillraceError('CONFIG_INVALID', `${place}: expected what can be sorted by, found ${expression.type}`, {
        place,
      });
    }),
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** When the log took each row, ms. */
function arrivalsOf(rows: CutRows): Float64Array {
  const arrivals = new Float64Array(rows.count);
  rows.eachSlice(({ batch, rows: chosen }, first, count) => {
    const column = batch.column(rows.schema.roles.receivedAt) as IntegerColumn;
    numbersInto(column, chosen, count, arrivals.subarray(first, first + count));
  });
  return arrivals;
}

function oldestOf(arrivals: Float64Array, numbers: Uint32Array | null): number {
  const count = numbers === null ? arrivals.length : numbers.length;
  let oldest = Infinity;
  for (let i = 0; i < count; i++) {
    const arrival = arrivals[numbers === null ? i : numbers[i]!]!;
    if (arrival < oldest) oldest = arrival;
  }
  return oldest;
}
