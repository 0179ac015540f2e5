/** Every verb there is. */
import type { StepOptions } from '../../config/transform-options.js';
import type { PlanContext, StepPlan, Verb } from '../verb.js';
import { dedupe } from './dedupe.js';
import { enrich } from './enrich.js';
import { filter } from './filter.js';
import { flatten } from './flatten.js';
import { functionVerb } from './function.js';
import { hash } from './hash.js';
import { lambda } from './lambda.js';
import { lookup } from './lookup.js';
import { mask } from './mask.js';
import { rename } from './rename.js';
import { sample } from './sample.js';
import { set } from './set.js';
import { split } from './split.js';

const VERBS: { readonly [V in StepOptions['verb']]: Verb<Extract<StepOptions, { verb: V }>> } = {
  filter,
  rename,
  mask,
  hash,
  set,
  split,
  sample,
  flatten,
  lookup,
  dedupe,
  enrich,
  function: functionVerb,
  batchFunction: functionVerb,
  lambda,
};

/** Plans one step. Throws CONFIG_INVALID and SQL_* with its place. */
export async function planStep(options: StepOptions, context: PlanContext): Promise<StepPlan> {
  const verb = VERBS[options.verb] as Verb;
  return verb.plan(options, context);
}
