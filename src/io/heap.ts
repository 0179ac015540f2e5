/**
 * How V8 lets the heap grow before it marks all of it.
 *
 * A pipeline keeps little on the heap (rows live in buffers) and moves much beside it: every body
 * that Node's parser hands over counts as pressure on the heap. With V8's default the collector
 * then marks the same few live megabytes several times a second, on all its threads.
 */
import { setFlagsFromString } from 'node:v8';

/** Growth since the last marking, in percent of what was live then, at which the next one starts. */
const GROWING_PERCENT = 300;

/** Lets the heaps of this process and of workers started later grow to four times what is live. Their limits hold. */
export function growHeapsFreely(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}
