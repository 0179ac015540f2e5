import { divide, jsonLines } from '../../src/deliver/encoded.js';
import type { Receipt } from '../../src/deliver/receipt.js';
import type { CutRows } from '../../src/deliver/rows.js';
import type { Sink, SinkRequest } from '../../src/deliver/sink.js';

/** A request as the other end saw it. */
export interface SeenRequest {
  readonly id: string;
  readonly ids: readonly string[];
  readonly range: string;
}

/** A sink in memory whose other end can be made to fail: for the rules of the courier, not for what a sink does. */
export class RecordingSink implements Sink {
  readonly requestsMax: number;
  readonly seen: SeenRequest[] = [];
  opened = 0;
  closed = 0;
  underWay = 0;
  underWayMax = 0;
  /** Rows a request. */
  readonly #rowsMax: number;
  /** Called before a request is taken; what it throws is what `send` throws. */
  before: (request: SinkRequest, receipt: Receipt) => void | Promise<void> = () => undefined;

  constructor(rest: { readonly requestsMax?: number; readonly rowsMax?: number } = {}) {
    this.requestsMax = rest.requestsMax ?? 1;
    this.#rowsMax = rest.rowsMax ?? 1_000_000;
  }

  async open(): Promise<void> {
    this.opened += 1;
  }

  requests(rows: CutRows): readonly CutRows[] {
    return divide(jsonLines(rows.schema), rows, { rowsMax: this.#rowsMax, bytesMax: 1e9 });
  }

  async send(request: SinkRequest, receipt: Receipt): Promise<void> {
    this.underWay += 1;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    try {
      await this.before(request, receipt);
      const ids: string[] = [];
      for (let row = 0; row < request.rows.count; row++) {
        if (receipt.marks[row] !== 0) continue;
        ids.push(request.rows.eventId(row)!);
        receipt.take(row);
      }
      receipt.bytes += request.rows.count * 10;
      this.seen.push({ id: request.id, ids, range: request.cut.range });
    } finally {
      this.underWay -= 1;
    }
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  /** Ids of all rows that were taken, in order, repeats included. */
  ids(): string[] {
    return this.seen.flatMap(({ ids }) => ids);
  }
}
