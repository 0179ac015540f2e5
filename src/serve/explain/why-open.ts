/** Why the oldest open window has not closed, in words. */
import type { OldestOpen } from '../../mill/standing.js';
import { count, timeText, waitText } from './words.js';
import type { ExplainedPartition, ExplainedSource } from './explanation.js';

/** What is known when it is asked. */
export interface WhyOpenInput {
  readonly open: OldestOpen;
  readonly sources: readonly ExplainedSource[];
  /** The wall clock. */
  readonly nowMs: number;
  /** How often results are published, when that is a rhythm; ms. */
  readonly everyMs: number | null;
}

/** The one sentence. Clocks that are beyond the window's end and lag hold nothing up, so those that are not are named. */
export function whyOpen({ open, sources, nowMs, everyMs }: WhyOpenInput): string {
  const { closesAfterMs } = open;
  const holding = sources.filter(({ nowMs: clock }) => clock === null || clock <= closesAfterMs);
  const [first] = holding;
  if (first === undefined)
    return everyMs === null
      ? 'its clock has passed; it closes with the next commit'
      : `its clock has passed; it closes with the next publication, which comes every ${waitText(everyMs)}`;
  return holding.map((source) => reasonOf(source, open, nowMs)).join('; ');
}

function reasonOf(source: ExplainedSource, open: OldestOpen, nowMs: number): string {
  if (source.clock === 'event') return eventReason(source, open);
  const { closesAfterMs } = open;
  // A partition that is read to its end counts as far as the wall clock.
  const behind = source.partitions.filter(
    ({ end, lastMs, offset }) => offset < end && (lastMs ?? -Infinity) <= closesAfterMs,
  );
  if (behind.length > 0)
    return behind
      .slice(0, NAMED_MAX)
      .map((one) => partitionReason(source, one, open))
      .join('; ');
  const waitMs = closesAfterMs - nowMs;
  if (waitMs >= 0) return `closes when the clock passes ${timeText(closesAfterMs)}, in ${waitText(waitMs)}`;
  return `closes as soon as the view has seen the clock of ${source.stream}, which has passed ${timeText(closesAfterMs)}`;
}

/** So many partitions are named. */
const NAMED_MAX = 4;

function partitionReason(
  { stream }: ExplainedSource,
  { end, lastMs, offset, partition }: ExplainedPartition,
  { closesAfterMs }: OldestOpen,
): string {
  const last = lastMs === null ? 'no row of it was read' : `the last row read is stamped ${timeText(lastMs)}`;
  return `closes when partition ${partition} of ${stream} passes ${timeText(closesAfterMs)}; ${last}, and it has ${count(end - offset)} row${end - offset === 1 ? '' : 's'} that the view has not read`;
}

function eventReason(
  { nowMs, slowest, stream }: ExplainedSource,
  { closesAfterMs, waitsFor = slowest }: OldestOpen,
): string {
  const passes = `passes ${timeText(closesAfterMs)}`;
  if (waitsFor === undefined || nowMs === null)
    return `closes when the event time of ${stream} ${passes}; it has none yet`;
  const whose = waitsFor.tenant === '' ? stream : `tenant ${waitsFor.tenant} in ${stream}`;
  return `closes when the event time of ${whose} ${passes}; its largest so far is ${timeText(waitsFor.clockMs)}`;
}
