/** The first `rows` rows of a batch by the start of their window, in their order. */
export function rowsByWindow(windows: Float64Array, rows: number): Map<number, Uint32Array> {
  const counts = new Map<number, number>();
  for (let row = 0; row < rows;) {
    const start = windows[row]!;
    const from = row;
    while (row < rows && windows[row] === start) row++;
    counts.set(start, (counts.get(start) ?? 0) + row - from);
  }
  const lists = new Map<number, Uint32Array>();
  for (const [start, count] of counts) {
    lists.set(start, new Uint32Array(count));
    counts.set(start, 0);
  }
  for (let row = 0; row < rows;) {
    const start = windows[row]!;
    const list = lists.get(start)!;
    let at = counts.get(start)!;
    for (; row < rows && windows[row] === start; row++) list[at++] = row;
    counts.set(start, at);
  }
  return lists;
}
