/** What the guards of one stream say of its events. */
import type { ColumnBatch } from '../../event/columns.js';
import { columnIndex } from '../../event/schema-define.js';
import type { Schema } from '../../event/schema.js';
import { LABEL_GUARD_UNAVAILABLE } from './guard.js';
import { hashReader, keyReader } from './key-reader.js';
import type { RunningGuard } from './running-guard.js';

/** Rows of a batch that guards met. */
export interface GuardedRows {
  /** Labels to be added, by row. */
  readonly labels: ReadonlyMap<number, readonly string[]>;
  /** Rows that are not taken, with the view whose guard says so. */
  readonly blocked: ReadonlyMap<number, string>;
  /** Where the visitor behind a single event goes instead; null: where the event leads. */
  readonly elsewhere: string | null;
}

/** The guards of one stream. */
export class StreamGuards {
  readonly #guards: readonly RunningGuard[];
  readonly #tenant: number;
  readonly #columns: readonly (readonly number[])[];
  readonly #hasLabels: boolean;

  constructor(schema: Schema, guards: readonly RunningGuard[]) {
    this.#guards = guards;
    this.#tenant = schema.roles.tenant;
    this.#columns = guards.map(({ definition }) => definition.columns.map((name) => columnIndex(schema, name)));
    this.#hasLabels = schema.columns[columnIndex(schema, 'labels')]?.type === 'list';
  }

  /** Looks every row up in every guard; null when no guard has anything to say. */
  judge(batch: ColumnBatch): GuardedRows | null {
    const met: Met = { labels: new Map(), blocked: new Map(), elsewhere: null };
    this.#guards.forEach((guard, i) => this.#ask(guard, this.#columns[i]!, batch, met));
    return met.labels.size + met.blocked.size === 0 && met.elsewhere === null ? null : met;
  }

  #ask(guard: RunningGuard, columns: readonly number[], batch: ColumnBatch, met: Met): void {
    const { definition, keys } = guard;
    if (definition.isActing?.() === false) return;
    const isAvailable = guard.isAvailable();
    if (isAvailable && keys.size === 0) return;
    const now = guard.now();
    const tenant = definition.tenantScoped ? this.#tenant : -1;
    const hashOf = hashReader(batch, columns[0]!);
    const keyOf = keyReader(batch, { tenant, columns });
    for (let row = 0; row < batch.rows; row++) {
      const hash = hashOf(row);
      if (hash < 0 || (isAvailable && !keys.mayHave(hash))) continue;
      const key = keyOf(row);
      if (key === null) continue;
      if (!isAvailable) {
        guard.count('unavailable');
        this.#label(met, row, LABEL_GUARD_UNAVAILABLE);
      } else if (keys.has(key, now)) this.#act(guard, row, met);
    }
  }

  #act({ definition: { view, action, label, url }, count }: RunningGuard, row: number, met: Met): void {
    if (action === 'block') met.blocked.set(row, view);
    else this.#label(met, row, label);
    if (url !== null) met.elsewhere = url;
    count(action === 'label' ? 'labelled' : action === 'block' ? 'blocked' : 'redirected');
  }

  #label({ labels }: Met, row: number, label: string): void {
    if (!this.#hasLabels) return;
    const before = labels.get(row) ?? [];
    if (!before.includes(label)) labels.set(row, [...before, label]);
  }
}

interface Met {
  readonly labels: Map<number, readonly string[]>;
  readonly blocked: Map<number, string>;
  elsewhere: string | null;
}
