/**
 * Which partitions of a changes stream have been taken in up to the end of a commit.
 *
 * The log makes a commit readable as a whole, but it comes as several batches. The end of a partition
 * is always the end of a commit: whoever has come as far as an end that was seen once is between two
 * commits, however much has been committed since.
 */

/** The bounds of commits, by partition. */
export class CommitBounds {
  readonly #endOf: (partition: number) => number;
  readonly #positions: number[];
  /** The end of the commits that are being taken in. */
  readonly #bounds: number[];
  #waiting: { readonly partition: number; readonly resolve: () => void }[] = [];

  /** `endOf`: where a partition ends now. */
  constructor(partitions: number, endOf: (partition: number) => number) {
    this.#endOf = endOf;
    this.#positions = new Array<number>(partitions).fill(0);
    this.#bounds = new Array<number>(partitions).fill(0);
  }

  /** Begins anew from these offsets. */
  restart(offsets: readonly number[]): void {
    offsets.forEach((offset, partition) => (this.#positions[partition] = this.#bounds[partition] = offset));
  }

  /** Rows up to `end` are about to be taken in. */
  take(partition: number, end: number): void {
    if (this.isWhole(partition)) this.#bounds[partition] = Math.max(end, this.#endOf(partition));
    this.#positions[partition] = end;
  }

  /** They have been: says whether the partition is whole, and tells who waits for it. */
  tell(partition: number): boolean {
    if (!this.isWhole(partition)) return false;
    if (this.#waiting.length === 0) return true;
    const told = this.#waiting.filter((one) => one.partition === partition);
    this.#waiting = this.#waiting.filter((one) => one.partition !== partition);
    for (const { resolve } of told) resolve();
    return true;
  }

  /** Whether nothing of a commit is missing. */
  isWhole(partition: number): boolean {
    return this.#positions[partition]! >= this.#bounds[partition]!;
  }

  /** Resolves when a partition has been whole; who goes on later than that must look again. */
  whole(partition: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ partition, resolve }));
  }
}
