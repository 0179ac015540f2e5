/**
 * Which case a run takes next.
 *
 * Every third case is whatever its seed gives. The others are drawn, each from a seed of its own, until one meets a rule
 * that the run still lacks; the generator leans to some of these rules. So each rule is met in some hundred cases, and
 * a case can be made again from its seed and the rules that were wanted.
 */
import { SeededRandom } from '../sim/random.js';
import { planCase } from './facts.js';
import { generate } from './generate.js';
import type { Case } from './ast.js';
import { isEmpty } from './run-case.js';

/** Draws until a run takes what it has. */
const DRAWS_MAX = 150;
/** Rules that the generator leans to at once. */
const WANTED_MAX = 12;
/** Between seeds of draws, so that no two cases of a run share one. */
const DRAW_STEP = 1_000_003;
const AGAIN_STEP = 500_000_003;

/** A case, its own seed (`of.seed`) and what it was made with. */
export interface Chosen {
  readonly of: Case;
  readonly wanted: readonly string[];
  /** Rules that it was made by; those of its plan are known when it has run. */
  readonly rules: ReadonlySet<string>;
}

/** The `index`th case of a run that begins with `seed` and lacks the rules `missed`. */
export async function choose(seed: number, index: number, missed: readonly string[]): Promise<Chosen> {
  const first = drawn(seed + index, index, missed);
  // An empty result proves little: half of them are kept.
  if (index % 2 === 0 || !(await isEmpty(first.of))) return first;
  const second = drawn(seed + index + AGAIN_STEP, index, missed);
  return (await isEmpty(second.of)) ? drawn(seed + index + 2 * AGAIN_STEP, index, missed) : second;
}

function drawn(own: number, index: number, missed: readonly string[]): Chosen {
  if (missed.length === 0 || index % 3 === 0) return made(own, []);
  const random = new SeededRandom(own);
  const wanted = [...missed]
    .map((rule) => ({ rule, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .slice(0, WANTED_MAX)
    .map(({ rule }) => rule);
  const lacks = new Set(missed);
  const operators = missed.some((rule) => /^(operator|emit) /.test(rule));
  for (let draw = 1; ; draw++) {
    const chosen = made(own + draw * DRAW_STEP, wanted);
    if (draw === DRAWS_MAX || [...chosen.rules].some((rule) => lacks.has(rule))) return chosen;
    if (operators && operatorsOf(chosen.of).some((rule) => lacks.has(rule))) return chosen;
  }
}

/** The case of a seed and of wanted rules. */
export function made(seed: number, wanted: readonly string[]): Chosen {
  const { of, rules } = generate(seed, new Set(wanted));
  return { of: publishable(of), wanted, rules };
}

/** The case with another way to publish where its rows are never final, as refused. */
function publishable(of: Case): Case {
  if (of.options.emit === 'change') return of;
  try {
    planCase(of);
  } catch (error) {
    if (error instanceof Error && error.message.includes('are never final'))
      return { ...of, options: { ...of.options, emit: 'change' } };
    // Any other error is the case's own.
  }
  return of;
}

function operatorsOf(of: Case): readonly string[] {
  try {
    return planCase(of).operators;
  } catch {
    // What can not be planned is refused when it runs.
    return [];
  }
}
