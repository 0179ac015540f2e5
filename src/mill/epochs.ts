/**
 * Which definitions of each view are in force.
 *
 * A view whose meaning changes can't go on from its state: it begins a new **epoch**, with a reader,
 * a folder and a changes stream of its own, and is computed anew from the oldest event that log and lake have. The
 * stream of epoch 1 is `view.<name>`, of a later one `view.<name>.<epoch>`. A change that leaves every
 * row as it is (`same-state.ts`) begins none.
 *
 * The definition before answers to the view's name until the new one has come as far; the **swap** is
 * remembered here before anybody sees it (`rememberSwap`), so that no reader ever goes back. After it the
 * definition before stays in force for `keepMs`, computed from its own text and served to consumers of its
 * changes feed, so that they can go over. At most one definition before is kept: when a view changes again
 * before the swap, the one that was never seen goes. What is no longer in force loses its readers, so that
 * retention may take what they held, and its files. A change that is taken back before the swap leaves the
 * definition that answers as it is.
 *
 * An epoch also has a random part, so that the same number in another data folder is another epoch: a
 * consumer that pulled from the one must not go on with the other.
 */
import { join } from 'node:path';
import type { ViewDescription } from '../event/view.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Random } from '../io/random.js';
import { removeFiles } from '../io/remove-files.js';
import type { Log, Position } from '../log/log.js';
import { millFolder, readKnown, writeKnown } from './definitions.js';
import type { Definition, KnownView, Replaced } from './definitions.js';
import { ALL_LATE } from './late-telling.js';
import type { LateRange, Places } from './late-telling.js';
import { place } from './offsets.js';
import { planHash } from './plan-hash.js';
import { columnNamesOf, hasSameState, withStateOf } from './same-state.js';
import { describeView } from '../sql/describe.js';
import { sourcesOfPlan } from '../sql/standing.js';
import type { StandingPlan } from '../sql/standing.js';

/** A view with the epoch of its definition. */
export interface ViewEpoch {
  readonly plan: StandingPlan;
  readonly epoch: number;
  /** Identifies what its state is of. */
  readonly hash: string;
  readonly description: ViewDescription;
  /** False for a definition that another one replaces. */
  readonly isNewest: boolean;
  /** Of a definition that is replaced: whether the newest answers to the name already. */
  readonly isSwapped: boolean;
  /** The late rows that are its to tell. */
  readonly late: LateRange;
  /** Where it begins in the lake, below the log's start; null: with the log. */
  readonly history: Places | null;
}

/** Plans statements of before, beside what is planned now. */
export interface Replanner {
  /** Null when it can't be any more. `reads`: statements of the views that it reads. */
  replan(name: string, text: string, reads?: readonly string[]): Promise<StandingPlan | null>;
  /** A planned view with its columns in another order; null when it can't be written so. */
  reordered(plan: StandingPlan, names: readonly string[]): Promise<StandingPlan | null>;
  readsOf(name: string): readonly string[];
}

/** Where a definition begins in a stream. */
export interface BeginsAt {
  /** Rows that come from the lake: from these offsets on; a partition left out begins with the log. */
  readonly from: Places;
  /** Rows stamped before are gone, ms; null: none is. */
  readonly sinceMs: number | null;
}

/** What epochs are assigned with. */
export interface EpochsInput {
  readonly disk: Disk;
  readonly random: Random;
  readonly clock: Clock;
  readonly dataFolder: string;
  /** How long a definition that was replaced stays in force after the swap, ms. */
  readonly keepMs: number;
  readonly planner: Replanner;
  /** How far back a stream goes. */
  readonly historyOf: (stream: string) => Promise<BeginsAt>;
  /** What a reader has committed. */
  readonly positionsOf: (reader: string) => readonly Position[];
}

/** The reader id of a view. */
export function readerId(name: string, epoch: number): string {
  return epoch === 1 ? `mill.${name}` : `mill.${name}.${epoch}`;
}

/** A definition in force, and the plan that is run for it. */
interface Run {
  readonly plan: StandingPlan;
  /** The order of its columns for who asks, when it is not the plan's. */
  readonly names?: readonly string[];
}

/** Gives every view its epoch, and remembers it. Newest definitions come first, in the order of the plans. */
export async function assignEpochs(input: EpochsInput, plans: readonly StandingPlan[]): Promise<ViewEpoch[]> {
  const { disk, dataFolder } = input;
  disk.makeFolder(millFolder(dataFolder));
  const known = readKnown(disk, dataFolder);
  const before = JSON.stringify([...known]);
  const newest: ViewEpoch[] = [];
  const replaced: ViewEpoch[] = [];
  for (const plan of plans) {
    const { view, run } = await changed(input, plan, known.get(plan.name));
    const { kept, older } = await withPrevious(input, plan.name, view);
    known.set(plan.name, kept);
    newest.push(viewOf(run, kept, { isNewest: true, isSwapped: true }, { from: lateFrom(kept), to: null }));
    if (older !== null) replaced.push(older);
  }
  if (JSON.stringify([...known]) !== before) await writeKnown(disk, dataFolder, known);
  return [...newest, ...replaced];
}

/** The view as it is to be remembered, and what is run for its newest definition. */
async function changed(
  input: EpochsInput,
  plan: StandingPlan,
  before: KnownView | undefined,
): Promise<{ readonly view: KnownView; readonly run: Run }> {
  if (before === undefined) return { view: { ...(await definitionOf(input, plan, 1)), lateFrom: {} }, run: { plan } };
  const same = await continued(input, plan, before);
  if (same !== null) {
    return { view: same.plan === plan ? { ...before, ...textsOf(input, plan) } : before, run: same };
  }
  const { previous, epochsUsed, ...own } = before;
  const used = Math.max(epochsUsed ?? 0, own.epoch);
  const answers: Replaced = previous?.replacedMs === null ? previous : { ...own, replacedMs: null };
  const back = previous?.replacedMs === null ? await continued(input, plan, previous) : null;
  if (back !== null) {
    const { replacedMs: _never, ...kept } = answers;
    return { view: { ...kept, epochsUsed: used }, run: back };
  }
  const begun = await definitionOf(input, plan, used + 1);
  return { view: { ...begun, lateFrom: null, previous: answers }, run: { plan } };
}

/** What is run when a plan goes on with the state of a definition; null when it can't. */
export async function continued(
  { planner }: Pick<EpochsInput, 'planner'>,
  plan: StandingPlan,
  definition: Definition,
): Promise<Run | null> {
  if (definition.hash === planHash(plan)) return { plan };
  const before = await planner.replan(plan.name, definition.text, definition.reads);
  if (before === null || planHash(before) !== definition.hash) return null;
  if (hasSameState(before, plan)) return { plan: withStateOf(before, plan) };
  const names = columnNamesOf(plan);
  const ordered = await planner.reordered(plan, columnNamesOf(before));
  return ordered !== null && hasSameState(before, ordered) ? { plan: withStateOf(before, plan), names } : null;
}

/** The statement of a plan, and those of the views that it reads. */
function textsOf({ planner }: EpochsInput, { name, text }: StandingPlan): Pick<Definition, 'text' | 'reads'> {
  const reads = planner.readsOf(name);
  return reads.length === 0 ? { text } : { text, reads };
}

async function definitionOf(input: EpochsInput, plan: StandingPlan, epoch: number): Promise<Definition> {
  const { historyOf, random } = input;
  const begins: BeginsAt[] = [];
  for (const stream of sourcesOfPlan(plan)) begins.push(await historyOf(stream));
  const history: Places = Object.assign({}, ...begins.map(({ from }) => from));
  return {
    epoch,
    id: `${epoch}.${randomHex(random)}`,
    hash: planHash(plan),
    ...textsOf(input, plan),
    sinceMs: latest(begins.map(({ sinceMs }) => sinceMs)),
    ...(Object.keys(history).length === 0 ? {} : { history }),
  };
}

/** The view with its definition before, or without when that is over or can't be run any more. */
async function withPrevious(
  { clock, keepMs, planner, positionsOf }: EpochsInput,
  name: string,
  view: KnownView,
): Promise<{ readonly kept: KnownView; readonly older: ViewEpoch | null }> {
  const { previous, ...alone } = view;
  if (previous === undefined) return { kept: view, older: null };
  const { replacedMs } = previous;
  const isSwapped = replacedMs !== null;
  const isOver = replacedMs !== null && clock.now() - replacedMs >= keepMs;
  const plan = isOver ? null : await planner.replan(name, previous.text, previous.reads);
  if (plan !== null && planHash(plan) === previous.hash) {
    const { lateTo = null } = previous;
    // Swapped without a word of late rows: by a release in which the newest told them all.
    const late = { from: isSwapped && lateTo === null ? null : lateFrom(previous), to: lateTo };
    return { kept: view, older: viewOf({ plan }, previous, { isNewest: false, isSwapped }, late) };
  }
  // What it has not told of is for the newest to tell.
  const told = Object.fromEntries(
    positionsOf(readerId(name, previous.epoch)).map((position) => [place(position), position.offset]),
  );
  const from = lateFrom(alone) === null ? told : earlierOf(lateFrom(alone)!, told);
  const used = Math.max(alone.epochsUsed ?? 0, alone.epoch);
  return { kept: { ...alone, lateFrom: from, ...(used > alone.epoch ? { epochsUsed: used } : {}) }, older: null };
}

function lateFrom(definition: Definition): Places | null {
  return definition.lateFrom === undefined ? ALL_LATE.from : definition.lateFrom;
}

function earlierOf(a: Places, b: Places): Places {
  return Object.fromEntries(Object.entries(a).map(([name, offset]) => [name, Math.min(offset, b[name] ?? offset)]));
}

/** The last of some times; null when there is none. */
function latest(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}

function viewOf(
  { plan, names }: Run,
  { epoch, hash, history, id, sinceMs }: Definition,
  stands: Pick<ViewEpoch, 'isNewest' | 'isSwapped'>,
  late: LateRange,
): ViewEpoch {
  const described = describeView(plan, { number: epoch, id, sinceMs });
  const columns = names?.map((name) => described.columns.find((column) => column.name === name)!);
  return {
    plan,
    epoch,
    hash,
    description: columns === undefined ? described : { ...described, columns },
    ...stands,
    late,
    history: history ?? null,
  };
}

/** Removes readers and folders of definitions that are no longer in force. */
export async function removeOldEpochs(
  log: Log,
  { disk, dataFolder }: Pick<EpochsInput, 'disk' | 'dataFolder'>,
  views: readonly ViewEpoch[],
): Promise<void> {
  const inForce = new Set(views.map(({ plan, epoch }) => readerId(plan.name, epoch)));
  for (const [name, { epoch: newest, epochsUsed = 0 }] of readKnown(disk, dataFolder)) {
    for (let epoch = 1; epoch <= Math.max(newest, epochsUsed); epoch++) {
      const id = readerId(name, epoch);
      if (inForce.has(id)) continue;
      // The summary's reader holds rows back as well as the mill's.
      for (const reader of [id, `summary${id.slice('mill'.length)}`]) await log.removeReader(reader);
      removeFiles(disk, join(millFolder(dataFolder), `${name}.${epoch}`));
      removeFiles(disk, join(dataFolder, 'summary', `view${id.slice('mill'.length)}`));
    }
  }
}

function randomHex(random: Random): string {
  return Buffer.from(random.fill(new Uint8Array(8))).toString('hex');
}
