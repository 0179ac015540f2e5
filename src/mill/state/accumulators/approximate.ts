import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { wordOfBytes } from '../../../sql/aggregates/sketches/hash.js';
import { SKETCH_GROUP_BYTES, Sketches } from '../../../sql/aggregates/sketches/hyperloglog.js';
import { sketchBytes } from '../../../sql/aggregates/sketches/hyperloglog-bytes.js';
import { canonicalText } from '../../../sql/canonical.js';
import type { SqlType } from '../../../sql/plan.js';
import type { Value } from '../../../sql/value.js';
import type { Accumulator, UnitSource } from './accumulator.js';

const encoder = new TextEncoder();

/** `approx_count_distinct(x)`: a HyperLogLog sketch a group. */
export class ApproximateAccumulator implements Accumulator, UnitSource {
  readonly groupBytes = SKETCH_GROUP_BYTES;
  readonly sketches: Sketches;

  readonly #type: SqlType;

  constructor(capacity: number, type: SqlType) {
    this.sketches = new Sketches(capacity);
    this.#type = type;
  }

  grow(capacity: number): void {
    this.sketches.grow(capacity);
  }

  addValue(group: number, value: Value): void {
    const bytes = value instanceof Uint8Array ? value : encoder.encode(canonicalText(value!, this.#type));
    this.sketches.add(group, wordOfBytes(bytes, 0, bytes.length));
  }

  units(group: number): number {
    return this.sketches.estimate(group);
  }

  value(group: number): Value {
    return this.sketches.estimate(group);
  }

  /** The sketch itself, as a value. */
  sketch(group: number): Uint8Array<ArrayBuffer> {
    return sketchBytes(this.sketches.contents(group));
  }

  extraBytes(group: number): number {
    return this.sketches.bytesOf(group);
  }

  save(group: number): void {
    this.sketches.clearChanged(group);
  }

  same(group: number): boolean {
    return !this.sketches.changed(group);
  }

  writePartial(group: number, writer: ByteWriter): void {
    this.sketches.write(group, writer);
  }

  readPartial(group: number, reader: ByteReader): void {
    this.sketches.read(group, reader);
  }

  write(groups: number, writer: ByteWriter): void {
    for (let group = 0; group < groups; group++) this.sketches.write(group, writer);
  }

  read(groups: number, reader: ByteReader): void {
    for (let group = 0; group < groups; group++) this.sketches.read(group, reader);
  }
}
