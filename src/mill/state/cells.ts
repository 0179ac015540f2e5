/**
 * The plain numbers of all groups of one table: counts, sums, extremes.
 *
 * A group's cells lie side by side, so that a source row touches one place in memory whatever the
 * number of aggregates. Aggregate k has the cells `group * stride + at .. + size`, 0 in a new group.
 */
export class Cells {
  readonly stride: number;
  data: Float64Array<ArrayBuffer>;

  constructor(stride: number, capacity: number) {
    this.stride = stride;
    this.data = new Float64Array(stride * capacity);
  }

  /** Makes room for `capacity` groups; new cells are 0. */
  grow(capacity: number): void {
    const data = new Float64Array(this.stride * capacity);
    data.set(this.data);
    this.data = data;
  }
}
