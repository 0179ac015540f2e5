/** The recount: what the log holds beyond the written accounts, after a process that could not write its last. */
import { QUARANTINE_STREAM } from '../../event/internal.js';
import { hasFrontDoor, type Log, type Position } from '../../log/log.js';
import { MillraceError } from '../../util/errors.js';
import { eachBatch, minuteOf, textOf, type Growth, type Span } from './rows.js';
import { DOOR, Tallies } from './tallies.js';

/** The streams whose rows are in the accounts: those with a front door, and the quarantine. */
export function accountedEnds(log: Log): Position[] {
  const streams = log.streams().filter((stream) => hasFrontDoor(stream) || stream.name === QUARANTINE_STREAM);
  return streams.flatMap(({ name: stream, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({
      stream,
      partition,
      offset: log.range(stream, partition).end,
    })),
  );
}

/**
 * Rows from the `committed` positions to the ends. What retention took meanwhile counts for `*`: it
 * was accepted, nobody can say whose it was.
 */
export function recount(log: Log, committed: readonly Position[], nowMs: number): Growth[] {
  const found = new Tallies();
  const growths = new Map<string, Growth>();
  const add = (stream: string, tenant: string, minuteMs: number, names: readonly string[], events: number): void => {
    for (const name of names) {
      const key = JSON.stringify([stream, tenant, minuteMs, name]);
      const tally = found.of({ edge: DOOR, stream, tenant });
      growths.set(key, { tally, name, minuteMs, events: events + (growths.get(key)?.events ?? 0) });
    }
  };
  const from = new Map(committed.map(({ stream, partition, offset }) => [`${stream}/${partition}`, offset]));
  for (const { stream, partition, offset: to } of accountedEnds(log)) {
    const wanted = from.get(`${stream}/${partition}`) ?? 0;
    const { start } = log.range(stream, partition);
    const span = { stream, partition, from: Math.max(wanted, start), to };
    if (stream === QUARANTINE_STREAM)
      recountQuarantine(log, span, (row) =>
        add(row.stream, row.tenant, row.minuteMs, ['received', 'quarantined', `rejected ${row.code}`], 1),
      );
    else {
      if (wanted < start) add(stream, '*', minuteOf(nowMs), ['received', 'accepted'], start - wanted);
      recountRows(log, span, (tenant, minuteMs, rows) => add(stream, tenant, minuteMs, ['received', 'accepted'], rows));
    }
  }
  return [...growths.values()];
}

/** Rows of a public stream by tenant and minute; `*` where a stream has no tenants or they can't be read. */
function recountRows(log: Log, span: Span, take: (tenant: string, minuteMs: number, rows: number) => void): void {
  eachBatch(log, span, ({ batch, receivedAt }, first, end) => {
    const { tenant } = batch.schema.roles;
    const column = tenant < 0 ? null : readable(() => batch.column(tenant));
    const minuteMs = minuteOf(receivedAt);
    if (column === null) return take('*', minuteMs, end - first);
    if (column.kind === 'dictionary') {
      const counts = new Uint32Array(column.dictionary.size);
      for (let row = first; row < end; row++) counts[column.codes[row]!]! += 1;
      counts.forEach((rows, code) => {
        if (rows > 0) take(column.dictionary.stringOf(code), minuteMs, rows);
      });
      return;
    }
    const text = textOf(column);
    for (let row = first; row < end; row++) take(text(row), minuteMs, 1);
  });
}

/** What the front door quarantined, by tenant, stream, code and minute. */
function recountQuarantine(
  log: Log,
  span: Span,
  take: (row: { tenant: string; stream: string; code: string; minuteMs: number }) => void,
): void {
  eachBatch(log, span, ({ batch, receivedAt }, first, end) => {
    const column = (name: string): ((row: number) => string) =>
      textOf(batch.column(batch.schema.columns.findIndex((one) => one.name === name)));
    const read = readable(() => [column('stage'), column('tenant'), column('stream'), column('code')] as const);
    if (read === null) return;
    const [stage, tenant, stream, code] = read;
    for (let row = first; row < end; row++)
      if (stage(row) === 'collect')
        take({ tenant: tenant(row), stream: stream(row), code: code(row), minuteMs: minuteOf(receivedAt) });
  });
}

/** Null where a page is damaged: the log has said so. */
function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return null;
    throw error;
  }
}
