/** The edge at which the front door counts. */
export const DOOR = 'collect';

/** Whose counts a tally holds. */
export interface TallyPlace {
  readonly edge: string;
  readonly stream: string;
  /** `*`: of no known tenant, or of all. */
  readonly tenant: string;
}

/** What is added up for one edge, stream and tenant. A count's name is `outcome` or `outcome reason`. */
export interface Tally extends TallyPlace {
  readonly counts: Map<string, number>;
}

/** Counts by edge, stream, tenant and name. */
export class Tallies {
  readonly #tallies = new Map<string, Tally>();

  /** The tally of a place, made when it is new. */
  of({ edge, stream, tenant }: TallyPlace): Tally {
    const key = `${edge}\0${stream}\0${tenant}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, (tally = { edge, stream, tenant, counts: new Map() }));
    return tally;
  }

  /** Adds to a count. */
  add(place: TallyPlace, name: string, events: number): void {
    const { counts } = this.of(place);
    counts.set(name, (counts.get(name) ?? 0) + events);
  }

  /** All tallies. */
  all(): IterableIterator<Tally> {
    return this.#tallies.values();
  }

  /** The counts of a stream by edge, for a `Tallies` of no particular tenant. */
  *edgesOf(stream: string): IterableIterator<Tally> {
    for (const tally of this.#tallies.values()) if (tally.stream === stream) yield tally;
  }
}
