/** Points that the trees of a forest share: each is held once, as long as a tree has it. */
export class Points {
  readonly dimensions: number;
  /** `dimensions` numbers a point. */
  coordinates: Float64Array<ArrayBuffer>;
  /** How many trees hold a point. */
  #holders: Uint16Array<ArrayBuffer>;
  /** Places that are free, the last one first. */
  #free: number[];
  /** Places that were ever taken. */
  #used: number;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.coordinates = new Float64Array(dimensions * 16);
    this.#holders = new Uint16Array(16);
    this.#free = [];
    this.#used = 0;
  }

  /** Puts a point in, held by none yet; answers its place. */
  add(point: ArrayLike<number>): number {
    const place = this.#free.pop() ?? this.#used++;
    if (place === this.#holders.length) this.#grow();
    for (let i = 0; i < this.dimensions; i++) this.coordinates[place * this.dimensions + i] = point[i]!;
    return place;
  }

  #grow(): void {
    const holders = new Uint16Array(this.#holders.length * 2);
    holders.set(this.#holders);
    this.#holders = holders;
    const coordinates = new Float64Array(holders.length * this.dimensions);
    coordinates.set(this.coordinates);
    this.coordinates = coordinates;
  }

  /** One tree more holds a point. */
  hold(place: number): void {
    this.#holders[place]!++;
  }

  /** One tree less holds a point. */
  release(place: number): void {
    if (--this.#holders[place]! === 0) this.#free.push(place);
  }

  /** Gives up a point that no tree has taken. */
  dropUnheld(place: number): void {
    if (this.#holders[place] === 0) this.#free.push(place);
  }

  /** Whether two points are the same. */
  equal(a: number, b: number): boolean {
    const { coordinates, dimensions } = this;
    for (let i = 0; i < dimensions; i++)
      if (coordinates[a * dimensions + i] !== coordinates[b * dimensions + i]) return false;
    return true;
  }

  copy(): Points {
    const copy = new Points(this.dimensions);
    copy.coordinates = this.coordinates.slice();
    copy.#holders = this.#holders.slice();
    copy.#free = [...this.#free];
    copy.#used = this.#used;
    return copy;
  }

  bytes(): number {
    return 128 + this.coordinates.byteLength + this.#holders.byteLength + this.#free.length * 8;
  }
}
