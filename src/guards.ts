/** The guards that views declare, as the front door runs them. */
import { join } from 'node:path';
import { Guards, removeOldGuards } from './collect/guards/guards.js';
import type { GuardDefinition } from './collect/guards/guard.js';
import type { StreamOptions } from './config/options.js';
import type { TransformOptions } from './config/transform-options.js';
import type { ViewDescription } from './event/view.js';
import type { Ground } from './ground.js';
import type { Clock } from './io/clock.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import type { ViewEpoch } from './mill/epochs.js';
import { servedViews, type Swaps } from './swaps.js';
import { Progress } from './mill/progress.js';
import { guardMistake } from './sql/guarded-streams.js';
import { isRelational, sourcesOfPlan, type StandingPlan } from './sql/standing.js';
import { MillraceError } from './util/errors.js';

/** What guards act on: the streams there are, and what makes some of them. */
export interface GuardSources {
  readonly streams: readonly StreamOptions[];
  readonly transforms: readonly TransformOptions[];
}

/**
 * The streams whose events a view guards: those that it reads, or that the streams it reads are made from, as far
 * as events come in there with the key's columns. None for a view without a guard.
 *
 * @throws CONFIG_INVALID when there is none.
 */
export function guardedStreams(plan: StandingPlan, { streams, transforms }: GuardSources): string[] {
  const { guard } = plan;
  if (guard === undefined) return [];
  const shown = isRelational(plan) ? plan.relation.fields.slice(0, plan.width) : plan.outputs;
  const doors = frontDoors(sourcesOfPlan(plan), transforms);
  const mistakes: string[] = [];
  const guarded = streams.filter(({ name, schema, derived }) => {
    if (derived === true || !doors.has(name)) return false;
    const mistake = guardMistake({ guard, shown }, name, schema);
    if (mistake !== null) mistakes.push(mistake);
    return mistake === null;
  });
  if (guarded.length > 0) return guarded.map(({ name }) => name);
  const why = mistakes.length > 0 ? mistakes.join('; ') : 'the view reads no stream that events come into';
  throw new MillraceError(
    'CONFIG_INVALID',
    `view ${plan.name}: no event can be guarded: ${why}. Name a column (guard = '…') that its events have too, or leave the guard out.`,
    { place: plan.name },
  );
}

/** The streams, and those that transforms make them from. */
function frontDoors(sources: readonly string[], transforms: readonly TransformOptions[]): Set<string> {
  const found = new Set(sources);
  // Entries that come in the loop are looked at too: a chain is followed to its end.
  for (const name of found) for (const { from, to } of transforms) if (to === name) found.add(from);
  return found;
}

/** Starts the guards of all views; their keys are there when the readers have come so far. */
export async function openGuards(
  { options, disk, clock, metrics, messages, closers }: Ground,
  log: EmbeddedLog,
  views: readonly ViewEpoch[],
  { progress, swaps }: { readonly progress: ReadonlyMap<string, SharedArrayBuffer>; readonly swaps: Swaps },
): Promise<Guards> {
  const served = servedViews(views, swaps);
  const definitions = views.flatMap((view) => {
    const guard = guardOf(view, options, progress, clock);
    // Both definitions of a changed view keep their keys; that acts which answers.
    return guard === undefined ? [] : { ...guard, isActing: () => served.of(guard.view) === view.description };
  });
  const folder = join(options.dataFolder, 'guards');
  await removeOldGuards(log, log.stats().readers, definitions, { disk, folder });
  const guards = new Guards({
    guards: definitions,
    log,
    folder,
    disk,
    clock,
    metrics,
    limits: options.collect.guards,
    onStatus: ({ id, state, reason }) => {
      if (reason !== null) messages.warn({ part: 'guards', reader: id, reason }, `reader ${state}`);
    },
  });
  closers.add(() => guards.stop());
  return guards;
}

/** The guard of a view; undefined where it has none. */
export function guardOf(
  { plan, description }: Pick<ViewEpoch, 'plan' | 'description'>,
  sources: GuardSources,
  progress: ReadonlyMap<string, SharedArrayBuffer>,
  clock: Clock,
): GuardDefinition | undefined {
  const { guard, lagMs } = plan;
  if (guard === undefined) return undefined;
  const hasWindows = !isRelational(plan) || plan.closes !== null;
  return {
    ...guard,
    view: plan.name,
    epoch: description.epoch,
    stream: description.stream,
    changes: description.schema,
    keyAt: guard.columns.map((name) => columnOf(description, name)),
    rowAt: description.keyColumns,
    tenantScoped: !description.global,
    closesAfterMs: hasWindows ? lagMs : null,
    guarded: guardedStreams(plan, sources),
    behindMs: behindOf(plan, sources.streams, new Progress(progress.get(description.stream)!), clock),
  };
}

function columnOf({ columns }: ViewDescription, name: string): number {
  return columns.find((column) => column.name === name)!.column;
}

/** By how much the mill is behind; 0 where another clock than ours decides what is complete. */
function behindOf(
  plan: StandingPlan,
  streams: readonly StreamOptions[],
  progress: Progress,
  clock: Clock,
): () => number {
  const sources = sourcesOfPlan(plan);
  const isOurs = streams.every(({ name, clock }) => clock === 'arrival' || !sources.includes(name));
  if (!isOurs) return () => 0;
  const everyMs = plan.emit.kind === 'every' ? plan.emit.ms : 0;
  return () => {
    const complete = progress.read();
    return complete === null ? Infinity : Math.max(0, clock.now() - complete - plan.lagMs - everyMs);
  };
}
