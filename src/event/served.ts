/**
 * Which definition of a view answers to its name.
 *
 * After a change there are two: the one before, which answers until the new one has come as far, and the new
 * one. The change from one to the other is a single store into memory that all threads share, so that it is one
 * moment for every reader: whoever asks after somebody was answered by the new definition is answered by it too.
 * What was asked before and is still under way keeps the definition it began with: it is named by what is its own.
 */
import type { ViewDescription } from './view.js';

/** Memory that says whether a view's newest definition answers. */
export function newSwap(isSwapped: boolean): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(4);
  if (isSwapped) swap(buffer);
  return buffer;
}

/** Lets the newest definition answer, from this moment on, in every thread. */
export function swap(buffer: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(buffer), 0, 1);
}

/** A definition of a view, and what says whether it answers. */
export interface DefinedView {
  readonly view: ViewDescription;
  /** False for the definition before. */
  readonly isNewest: boolean;
  /** Of a view with two definitions. Left out: the newest answers. */
  readonly swap?: SharedArrayBuffer;
}

interface Named {
  readonly newest: ViewDescription;
  readonly before: ViewDescription | null;
  readonly cell: Int32Array | null;
}

/** What the store calls a definition of a view. */
export function keyOf({ stream }: ViewDescription): string {
  return stream;
}

/** What a query can call a definition of a view, whichever answers to the view's name: no view's name has an `@`. */
export function definitionName({ name, epoch }: ViewDescription): string {
  return `${name}@${epoch}`;
}

/** The definitions of all views. */
export class ServedViews {
  readonly #names: ReadonlyMap<string, Named>;

  constructor(defined: readonly DefinedView[]) {
    const before = new Map(defined.filter(({ isNewest }) => !isNewest).map((one) => [one.view.name, one]));
    this.#names = new Map(
      defined
        .filter(({ isNewest }) => isNewest)
        .map(({ view }) => {
          const older = before.get(view.name);
          const cell = older?.swap === undefined ? null : new Int32Array(older.swap);
          return [view.name, { newest: view, before: older?.view ?? null, cell }];
        }),
    );
  }

  /** The definitions that answer now, in the order of the configuration. */
  get all(): readonly ViewDescription[] {
    return Array.from(this.#names.values(), served);
  }

  /** The definition that answers now. */
  of(name: string): ViewDescription | undefined {
    const named = this.#names.get(name);
    return named && served(named);
  }

  /** A definition of a view by its epoch, whether it answers to the name or not. */
  definition(name: string, epoch: string): ViewDescription | undefined {
    const { newest, before } = this.#names.get(name) ?? { newest: undefined, before: null };
    if (newest?.epoch === epoch) return newest;
    return before?.epoch === epoch ? before : undefined;
  }

  /** The newest definition and the one before, while that is still computed. */
  pair(name: string): { readonly newest: ViewDescription; readonly before: ViewDescription | null } | undefined {
    return this.#names.get(name);
  }

  /** What comes after a definition, and whether it answers already; null for the newest. */
  successor(view: ViewDescription): { readonly epoch: string; readonly ready: boolean } | null {
    const named = this.#names.get(view.name);
    if (named === undefined || named.newest.epoch === view.epoch) return null;
    return { epoch: named.newest.epoch, ready: served(named) === named.newest };
  }
}

function served({ newest, before, cell }: Named): ViewDescription {
  return before === null || cell === null || Atomics.load(cell, 0) === 1 ? newest : before;
}
