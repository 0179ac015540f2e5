/** Where batches are written: one growing buffer, kept and written over again by its owner. */
export class BatchTarget {
  bytes!: Uint8Array<ArrayBuffer>;
  u16!: Uint16Array<ArrayBuffer>;
  u32!: Uint32Array<ArrayBuffer>;
  f64!: Float64Array<ArrayBuffer>;
  /** Where the next byte goes. Set it to 0 to start over. */
  position = 0;

  constructor(capacity = 1 << 16) {
    this.#use(new ArrayBuffer((capacity + 7) & ~7));
  }

  /** Makes room for `bytes` more. The views change when it had to grow. */
  reserve(bytes: number): void {
    const wanted = this.position + bytes + 8;
    if (wanted <= this.bytes.length) return;
    const larger = new ArrayBuffer((Math.max(wanted, this.bytes.length * 2) + 7) & ~7);
    const before = this.bytes;
    this.#use(larger);
    this.bytes.set(before.subarray(0, this.position));
  }

  /** Moves to the next multiple of 8, filling with zeros. Room for 8 bytes is always there. */
  align(): void {
    while ((this.position & 7) !== 0) this.bytes[this.position++] = 0;
  }

  #use(buffer: ArrayBuffer): void {
    this.bytes = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}
