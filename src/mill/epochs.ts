/**
 * Which definition of each view is in force.
 *
 * A view whose meaning changes can't go on from its state: it begins a new **epoch**, with a reader,
 * a folder and a changes stream of its own, and is computed anew from the oldest event kept. The
 * stream of epoch 1 is `view.<name>`, of a later one `view.<name>.<epoch>`. Nothing is served from
 * the old stream any more; its reader is removed so that retention may take what it held.
 *
 * `views.json` in the mill's folder holds name, epoch and hash of every view ever run, and is
 * replaced whole. An epoch also has a random part, so that the same number in another data folder is
 * another epoch: a consumer that pulled from the one must not go on with the other.
 */
import { join } from 'node:path';
import type { ViewDescription } from '../event/view.js';
import type { Disk } from '../io/disk.js';
import type { Random } from '../io/random.js';
import { readJsonFile, writeJsonFile } from '../io/json-file.js';
import type { Log } from '../log/log.js';
import { planHash } from './plan-hash.js';
import { describeView } from '../sql/describe.js';
import type { ViewPlan } from '../sql/plan.js';

/** A view with the epoch of its definition. */
export interface ViewEpoch {
  readonly plan: ViewPlan;
  readonly epoch: number;
  readonly description: ViewDescription;
}

interface KnownView {
  readonly epoch: number;
  /** `<epoch>.<16 hexadecimal digits>`. */
  readonly id: string;
  readonly hash: string;
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

/** Gives every view its epoch, and remembers it. */
export async function assignEpochs(
  { disk, random }: { readonly disk: Disk; readonly random: Random },
  dataFolder: string,
  plans: readonly ViewPlan[],
): Promise<ViewEpoch[]> {
  const folder = millFolder(dataFolder);
  disk.makeFolder(folder);
  const known = readKnown(disk, folder);
  let changed = false;
  const views = plans.map((plan): ViewEpoch => {
    const hash = planHash(plan);
    const before = known.get(plan.name);
    const epoch = before === undefined ? 1 : before.hash === hash ? before.epoch : before.epoch + 1;
    const id = before?.hash === hash ? before.id : `${epoch}.${randomHex(random)}`;
    if (before?.hash !== hash) changed = true;
    known.set(plan.name, { epoch, id, hash });
    return { plan, epoch, description: describeView(plan, { number: epoch, id }) };
  });
  if (changed) await writeJsonFile(disk, join(folder, VIEWS_FILE), Object.fromEntries(known));
  return views;
}

/** Removes readers of definitions that are no longer in force, so that retention may go on. */
export async function removeOldReaders(
  log: Log,
  disk: Disk,
  dataFolder: string,
  views: readonly ViewEpoch[],
): Promise<void> {
  const known = readKnown(disk, millFolder(dataFolder));
  const inForce = new Set(views.map(({ plan, epoch }) => readerId(plan.name, epoch)));
  for (const [name, { epoch: newest }] of known) {
    for (let epoch = 1; epoch <= newest; epoch++) {
      const id = readerId(name, epoch);
      if (!inForce.has(id) && log.reader(id) !== undefined) await log.removeReader(id);
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
