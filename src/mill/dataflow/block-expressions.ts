/**
 * Expressions over blocks, as generated loops: one for each form that the fields come in.
 *
 * What fails for a row's data fails the block: the caller takes the rows one by one then, and knows which it is.
 */
import { generate, type KernelScope, type Snippet } from '../../sql/generate.js';
import type { Expression } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';
import { MillraceError } from '../../util/errors.js';
import { NUMBER_TYPES, UNITS_MAX, valueOf, vectorOfValues, type Block, type Vector } from './block.js';
import { walk } from '../kernels/expressions.js';
import { RowSource } from './row-source.js';

/** Scale of the numerics that are computed with as whole units. */
const UNITS_SCALE = 6;
/** Forms of blocks that one expression is printed for; more are not met outside of attacks. */
const FORMS_MAX = 64;

/** The rows of a block for which a condition is true, in order; answers how many. Null where one fails. */
export type BlockCondition = (block: Block, selection: Uint32Array) => number | null;

/** The value of an expression for each row of a block; null where one fails. */
export type BlockExpression = (block: Block) => Vector | null;

/** A condition over blocks. */
export function compileBlockCondition(condition: Expression): BlockCondition {
  const loop = forms((block) => printCondition(condition, block));
  return (block, selection) => attempt(() => loop(block)(block, selection));
}

/** An expression over blocks. */
export function compileBlockExpression(expression: Expression): BlockExpression {
  if (expression.kind === 'column') return (block) => block.vectors[expression.index]!;
  const { type } = expression;
  const loop = forms((block) => printValues(expression, block));
  return (block) => {
    const values = new Array<Value>(block.count);
    const units = new Float64Array(block.count);
    const nulls = new Uint8Array(block.count);
    const made = attempt(() => loop(block)(block, { values, units, nulls }));
    if (made === null) return null;
    if (made.scale === null) return vectorOfValues(values, type);
    const someNulls = made.hasNulls ? nulls : null;
    if (made.scale === undefined) return { kind: 'numbers', values: units, nulls: someNulls };
    return { kind: 'decimals', units, scale: made.scale, nulls: someNulls };
  };
}

/** Where a loop writes: `units` and `nulls`, or `values`. */
interface Written {
  readonly values: Value[];
  readonly units: Float64Array;
  readonly nulls: Uint8Array;
}

/** What a loop wrote. `scale`: of decimals; undefined: numbers; null: values. */
interface Made {
  readonly scale: number | undefined | null;
  readonly hasNulls: boolean;
}

/** What does not fit in numbers; values do. */
class Unfit extends Error {}

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof Unfit || (error instanceof MillraceError && error.code === 'SQL_RUNTIME')) return null;
    throw error;
  }
}

/** Keeps what is printed by the form of the fields. */
function forms<F>(print: (block: Block) => F): (block: Block) => F {
  const known = new Map<string, F>();
  return (block) => {
    const form = block.vectors.map(formOf).join(' ');
    let loop = known.get(form);
    if (loop === undefined) {
      if (known.size >= FORMS_MAX) known.clear();
      known.set(form, (loop = print(block)));
    }
    return loop;
  };
}

function formOf(vector: Vector): string {
  const scale = vector.kind === 'decimals' ? vector.scale : '';
  return `${vector.kind}${scale}${'nulls' in vector && vector.nulls !== null ? '?' : ''}`;
}

function printCondition(condition: Expression, block: Block): (block: Block, selection: Uint32Array) => number {
  const source = new BlockSource(block);
  const { prelude, value, isNull } = source.generate(condition);
  const test = isNull === 'false' ? value : `!(${isNull}) && (${value})`;
  return source.loop(['block', 'selection'], 'let n = 0;', `${prelude}if (${test}) selection[n++] = i;`, 'return n;');
}

function printValues(expression: Expression, block: Block): (block: Block, into: Written) => Made {
  const source = new BlockSource(block);
  const { prelude, value, isNull, scale } = source.generate(expression);
  const { type } = expression;
  const isNumber = scale !== undefined || (NUMBER_TYPES.has(type) && type !== 'bigint');
  if (!isNumber) {
    const body = `${prelude}into.values[i] = ${isNull} ? null : ${value};`;
    return source.loop(['block', 'into'], '', body, 'return { scale: null, hasNulls: false };');
  }
  const set = scale === undefined ? `into.units[i] = ${value};` : fitting(source, value);
  const body = `${prelude}if (${isNull}) { into.nulls[i] = 1; hasNulls = true; } else { ${set} }`;
  return source.loop(['block', 'into'], 'let hasNulls = false;', body, `return { scale: ${scale}, hasNulls };`);
}

function fitting(source: BlockSource, value: string): string {
  const unfit = source.bind(() => {
    throw new Unfit();
  }, 'unfit');
  return `const u = ${value}; if (typeof u !== 'number' || u > ${UNITS_MAX} || u < -${UNITS_MAX}) ${unfit}(); into.units[i] = u;`;
}

/** Prints expressions over the rows of blocks of one form. */
class BlockSource extends RowSource {
  readonly #vectors: readonly Vector[];
  readonly #read = new Set<number>();
  #decimals = false;

  constructor({ vectors }: Block) {
    super();
    this.#vectors = vectors;
  }

  /** As `generate` does; numerics as units where all that are read have the one scale. */
  generate(expression: Expression): ReturnType<typeof generate> {
    this.#decimals = false;
    walk(expression, (each) => {
      if (each.kind !== 'column' || each.type !== 'numeric') return;
      const vector = this.#vectors[each.index]!;
      if (vector.kind !== 'decimals' || vector.scale !== UNITS_SCALE) this.#decimals = true;
    });
    const scope: KernelScope = {
      decimals: this.#decimals,
      windowStart: 'NaN',
      windowEnd: 'NaN',
      fresh: (prefix) => this.fresh(prefix),
      bind: (value, hint) => this.bind(value, hint),
      column: (index) => this.#column(index),
    };
    return generate(expression, scope);
  }

  #column(index: number): Snippet {
    this.#read.add(index);
    const vector = this.#vectors[index]!;
    if (vector.kind === 'texts' || vector.kind === 'values' || (vector.kind === 'decimals' && this.#decimals))
      return { value: `v_${index}`, isNull: `v_${index} === null` };
    return { value: `a_${index}[i]`, isNull: vector.nulls === null ? 'false' : `n_${index}[i] === 1` };
  }

  /** A function whose body runs for each row `i`. */
  loop<F>(parameters: readonly string[], before: string, body: string, after: string): F {
    const arrays = [...this.#read].map((index) => declareArrays(index, this.#vectors[index]!)).join(' ');
    const values = [...this.#read].map((index) => this.#declareValue(index)).join(' ');
    return this.build(
      parameters,
      `${arrays}\n${before}\nfor (let i = 0; i < block.count; i++) {\n${values}\n${body}\n}\n${after}`,
    );
  }

  #declareValue(index: number): string {
    const vector = this.#vectors[index]!;
    switch (vector.kind) {
      case 'numbers':
        return '';
      case 'texts':
        return `const v_${index} = a_${index}[i] < 0 ? null : t_${index}.stringOf(a_${index}[i]);`;
      case 'values':
        return `const v_${index} = a_${index}[i];`;
      case 'decimals':
        return this.#decimals ? `const v_${index} = ${this.bind(valueOf, 'valueOf')}(block.vectors[${index}], i);` : '';
    }
  }
}

function declareArrays(index: number, vector: Vector): string {
  const at = `block.vectors[${index}]`;
  switch (vector.kind) {
    case 'numbers':
      return `const a_${index} = ${at}.values, n_${index} = ${at}.nulls;`;
    case 'decimals':
      return `const a_${index} = ${at}.units, n_${index} = ${at}.nulls;`;
    case 'texts':
      return `const a_${index} = ${at}.codes, t_${index} = ${at}.texts;`;
    case 'values':
      return `const a_${index} = ${at}.values;`;
  }
}
