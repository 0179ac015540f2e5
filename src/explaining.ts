/** `millrace explain`: what the mill, the log and the planner know of a view, put together. */
import type { Clock } from './io/clock.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import { Histories, type StreamHistory } from './histories.js';
import { continued, readerId, type ViewEpoch } from './mill/epochs.js';
import { readKnown } from './mill/definitions.js';
import { planHash } from './mill/plan-hash.js';
import type { MillMethods } from './mill/thread.js';
import type { Disk } from './io/disk.js';
import type { Supervised } from './io/supervisor.js';
import type { Views } from './planner.js';
import {
  sourcesOf,
  speedOf,
  stateOf,
  type ChangeOutlook,
  type ExplainedDefinition,
  type ExplainedPlan,
  type Explanation,
  type PendingSwap,
} from './serve/explain/explanation.js';
import { whyOpen } from './serve/explain/why-open.js';
import { isRelational, sourcesOfPlan, type StandingPlan } from './sql/standing.js';
import { servedViews, type Swaps } from './swaps.js';
import { MillraceError } from './util/errors.js';

/** What explanations are made of. */
export interface ExplainingInput {
  readonly views: readonly ViewEpoch[];
  readonly swaps: Swaps;
  readonly planner: Views;
  readonly log: EmbeddedLog;
  readonly mill: Supervised<MillMethods>;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dataFolder: string;
}

/** Explains views. */
export class Explaining {
  readonly #input: ExplainingInput;

  constructor(input: ExplainingInput) {
    this.#input = input;
  }

  /**
   * A view; `sql`: and what it would be with this statement, or the statements of its file. Throws NOT_FOUND, and SQL_*
   * of the statement.
   */
  async explain(name: string, sql: string | null): Promise<Explanation> {
    const { clock, swaps, views } = this.#input;
    const own = views.filter(({ plan }) => plan.name === name);
    const served = servedViews(views, swaps).of(name);
    const changed = sql === null ? null : await this.#input.planner.planText(name, sql);
    if (own.length === 0 && changed === null)
      throw new MillraceError('NOT_FOUND', `there is no view '${name}'`, { place: 'path view' });
    const definitions: ExplainedDefinition[] = [];
    for (const view of own) definitions.push(await this.#definition(view, view.description === served));
    definitions.sort((a, b) => Number(b.answers) - Number(a.answers));
    const change =
      changed === null
        ? {}
        : {
            change: {
              outlook: await this.#outlook(changed.plan, own, definitions),
              plan: planned(changed.plan, changed.lines),
            },
          };
    return { view: name, nowMs: clock.now(), definitions, swap: this.#swap(name, definitions), ...change };
  }

  async #definition(view: ViewEpoch, answers: boolean): Promise<ExplainedDefinition> {
    const { clock, log, mill, planner } = this.#input;
    const { plan, epoch, description } = view;
    const status = await (await mill.rpc()).call('standing', readerId(plan.name, epoch));
    const { delays, oldestOpen, reader, stateBytesMax, stats } = status;
    const sources = sourcesOf(status, (stream, partition) => log.range(stream, partition));
    const everyMs = plan.emit.kind === 'every' ? plan.emit.ms : null;
    const why = (open: NonNullable<typeof oldestOpen>) => whyOpen({ open, sources, nowMs: clock.now(), everyMs });
    const { state, reason, lagRows, lagMs } = reader;
    return {
      epoch: description.epoch,
      answers,
      sinceMs: description.sinceMs ?? null,
      plan: planned(plan, await planner.linesOf(plan)),
      sources,
      state: { bytes: stats.stateBytes, bytesMax: stateBytesMax, parts: stateOf(status) },
      reader: { state, reason, lagRows, lagMs: Math.round(lagMs), rowsPerSecond: speedOf(reader) },
      completeThroughMs: stats.completeThrough,
      oldestOpen: oldestOpen === null ? null : { ...oldestOpen, why: why(oldestOpen) },
      late: stats.late,
      failed: stats.failed,
      stateFull: stats.stateFull,
      stateShed: stats.stateShed,
      spilled: stats.spilled,
      delays,
    };
  }

  #swap(name: string, definitions: readonly ExplainedDefinition[]): PendingSwap | null {
    const pending = this.#input.swaps.pendingOf(name);
    if (pending === undefined) return null;
    const { epoch } = pending.newest.description;
    const { lagRows, rowsPerSecond } = definitions.find((one) => one.epoch === epoch)!.reader;
    return { epoch, mode: this.#input.swaps.mode, lagRows, seconds: secondsOf(lagRows, rowsPerSecond) };
  }

  async #outlook(
    plan: StandingPlan,
    own: readonly ViewEpoch[],
    definitions: readonly ExplainedDefinition[],
  ): Promise<ChangeOutlook> {
    const { dataFolder, disk, log, planner } = this.#input;
    const known = readKnown(disk, dataFolder).get(plan.name);
    const pending = known?.previous?.replacedMs === null ? [known.previous] : [];
    for (const definition of known === undefined ? [] : [known, ...pending]) {
      if (definition.hash === planHash(plan)) return { kind: 'unchanged' };
      if ((await continued({ planner }, plan, definition)) !== null)
        return {
          kind: 'same state',
          why: 'every row is the same; only when it is published or the order of columns differs',
        };
    }
    const histories = new Histories(log, disk, dataFolder);
    const inputs: StreamHistory[] = [];
    for (const stream of sourcesOfPlan(plan)) inputs.push(await histories.of(stream));
    const sum = (of: (input: StreamHistory) => number): number => inputs.reduce((total, input) => total + of(input), 0);
    const lake = { rows: sum(({ lakeRows }) => lakeRows), files: sum(({ lakeFiles }) => lakeFiles) };
    const rows = lake.rows + sum(({ logRows }) => logRows);
    const stamps = inputs.flatMap((input) => input.sinceMs ?? []);
    const speed = definitions.find(({ reader }) => reader.rowsPerSecond !== null)?.reader.rowsPerSecond ?? null;
    return {
      kind: 'replay',
      rows,
      lake: lake.rows === 0 ? null : lake,
      logOnly: inputs.flatMap(({ logOnly, stream }) => (logOnly === null ? [] : [{ stream, why: logOnly }])),
      seconds: own.length === 0 ? null : secondsOf(rows, speed),
      sinceMs: stamps.length === 0 ? null : Math.max(...stamps),
    };
  }
}

function secondsOf(rows: number, rowsPerSecond: number | null): number | null {
  return rowsPerSecond === null || rowsPerSecond === 0 ? null : Math.ceil(rows / rowsPerSecond);
}

function planned(plan: StandingPlan, lines: readonly string[]): ExplainedPlan {
  const { emit, lagMs, allowedLatenessMs, retentionMs = null } = plan;
  return {
    runs: isRelational(plan) ? 'operators' : 'kernel',
    lines,
    emit: emit.kind === 'every' ? `every ${emit.ms} ms` : emit.kind,
    lagMs,
    allowedLatenessMs,
    retentionMs,
  };
}
