/**
 * Which definitions of each view are in force.
 *
 * A view whose meaning changes can't go on from its state: it begins a new **epoch**, with a reader,
 * a folder and a changes stream of its own, and is computed anew from the oldest event kept. The
 * stream of epoch 1 is `view.<name>`, of a later one `view.<name>.<epoch>`.
 *
 * The definition before stays in force beside it for `keepMs`, computed from its own text and served to
 * consumers of its changes feed, so that they can go over when the new one has come as far. At most one
 * definition before is kept. What is no longer in force loses its readers, so that retention may take
 * what they held, and its files.
 *
 * `views.json` in the mill's folder holds what every view ever run was last, and is replaced whole. An
 * epoch also has a random part, so that the same number in another data folder is another epoch: a
 * consumer that pulled from the one must not go on with the other.
 */
import { join } from 'node:path';
import type { ViewDescription } from '../event/view.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Random } from '../io/random.js';
import { readJsonFile, writeJsonFile } from '../io/json-file.js';
import { removeFiles } from '../io/remove-files.js';
import type { Log } from '../log/log.js';
import { planHash } from './plan-hash.js';
import { describeView } from '../sql/describe.js';
import type { ViewPlan } from '../sql/plan.js';

/** A view with the epoch of its definition. */
export interface ViewEpoch {
  readonly plan: ViewPlan;
  readonly epoch: number;
  readonly description: ViewDescription;
  /** False for a definition that another one has replaced. */
  readonly isCurrent: boolean;
}

/** One definition of a view, as it is remembered. */
interface Definition {
  readonly epoch: number;
  /** `<epoch>.<16 hexadecimal digits>`. */
  readonly id: string;
  readonly hash: string;
  /** Its statement. */
  readonly text: string;
  /** Rows stamped before were gone already when it began, ms; null: it has seen all. */
  readonly sinceMs: number | null;
}

interface KnownView extends Definition {
  /** The definition before, and when it was replaced, ms since 1970. */
  readonly previous?: Definition & { readonly replacedMs: number };
}

/** What epochs are assigned with. */
export interface EpochsInput {
  readonly disk: Disk;
  readonly random: Random;
  readonly clock: Clock;
  readonly dataFolder: string;
  /** How long a definition that was replaced stays in force, ms. */
  readonly keepMs: number;
  /** Plans a statement of before; null when it can't be any more. */
  readonly replan: (text: string) => Promise<ViewPlan | null>;
  /** The stamp of the oldest row kept of a stream that has lost rows, ms; null: it has all. */
  readonly sinceOf: (stream: string) => number | null;
}

const VIEWS_FILE = 'views.json';

/** The mill's folder in a data folder. */
export function millFolder(dataFolder: string): string {
  return join(dataFolder, 'mill');
}

/** The reader id of a view. */
export function readerId(name: string, epoch: number): string {
  return epoch === 1 ? `mill.${name}` : `mill.${name}.${epoch}`;
}

/** Gives every view its epoch, and remembers it. Current definitions come first, in the order of the plans. */
export async function assignEpochs(input: EpochsInput, plans: readonly ViewPlan[]): Promise<ViewEpoch[]> {
  const { disk, dataFolder, keepMs, clock, replan } = input;
  const folder = millFolder(dataFolder);
  disk.makeFolder(folder);
  const known = readKnown(disk, folder);
  const before = JSON.stringify([...known]);
  for (const plan of plans) known.set(plan.name, definitionOf(input, plan, known.get(plan.name)));
  const views = plans.map((plan) => viewOf(plan, known.get(plan.name)!, true));
  for (const { name } of plans) {
    const { previous, ...view } = known.get(name)!;
    if (previous === undefined) continue;
    const plan = clock.now() - previous.replacedMs < keepMs ? await replan(previous.text) : null;
    if (plan !== null && planHash(plan) === previous.hash) views.push(viewOf(plan, previous, false));
    else known.set(name, view);
  }
  if (JSON.stringify([...known]) !== before)
    await writeJsonFile(disk, join(folder, VIEWS_FILE), Object.fromEntries(known));
  return views;
}

function definitionOf({ clock, random, sinceOf }: EpochsInput, plan: ViewPlan, before?: KnownView): KnownView {
  const hash = planHash(plan);
  if (before?.hash === hash) return { ...before, text: plan.text };
  const epoch = (before?.epoch ?? 0) + 1;
  const definition: Definition = {
    epoch,
    id: `${epoch}.${randomHex(random)}`,
    hash,
    text: plan.text,
    sinceMs: sinceOf(plan.source),
  };
  if (before === undefined) return definition;
  const { previous: _older, ...replaced } = before;
  return { ...definition, previous: { ...replaced, replacedMs: clock.now() } };
}

function viewOf(plan: ViewPlan, { epoch, id, sinceMs }: Definition, isCurrent: boolean): ViewEpoch {
  const description = describeView(plan, { number: epoch, id, sinceMs });
  return { plan, epoch, description, isCurrent };
}

/** Removes readers and folders of definitions that are no longer in force. */
export async function removeOldEpochs(
  log: Log,
  { disk, dataFolder }: Pick<EpochsInput, 'disk' | 'dataFolder'>,
  views: readonly ViewEpoch[],
): Promise<void> {
  const known = readKnown(disk, millFolder(dataFolder));
  const inForce = new Set(views.map(({ plan, epoch }) => readerId(plan.name, epoch)));
  for (const [name, { epoch: newest }] of known) {
    for (let epoch = 1; epoch <= newest; epoch++) {
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

function readKnown(disk: Disk, folder: string): Map<string, KnownView> {
  const known = readJsonFile(disk, join(folder, VIEWS_FILE)) as Record<string, KnownView> | undefined;
  return new Map(Object.entries(known ?? {}));
}
