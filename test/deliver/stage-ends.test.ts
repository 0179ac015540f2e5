import { afterEach, describe, expect, test } from 'vitest';
import type { Sink } from '../../src/deliver/sink.js';
import { DeliveryStage } from '../../src/deliver/stage.js';
import { Quarantine } from '../../src/event/quarantine.js';
import { systemClock } from '../../src/io/clock.js';
import { systemRandom } from '../../src/io/random.js';
import { RecordingSink } from './recording-sink.js';
import { Bench, deliveryOptions, removeFolders, SCHEMA, someRows, until } from './support.js';

let bench: Bench;
afterEach(async () => {
  await bench.close();
  removeFolders();
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A sink that notes what happens; an aborted request needs a while to end. */
function slowToEnd(notes: string[], fails: () => boolean = () => false): Sink {
  let sends = 0;
  return {
    requestsMax: 1,
    async open() {
      notes.push('open');
      if (fails()) throw new Error('can not be opened');
    },
    requests: (rows) => [rows],
    async send(_request, receipt, signal) {
      const send = sends++;
      notes.push(`send ${send}`);
      if (send === 0) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await sleep(100);
        notes.push('ended 0');
        throw new Error('aborted');
      }
      receipt.takeAll();
      notes.push(`ended ${send}`);
    },
    async close() {
      notes.push('close');
    },
  };
}

describe('the end of a delivery', () => {
  test('closes the sink when what was under way has ended', async () => {
    bench = await new Bench().open();
    const notes: string[] = [];
    await bench.append(someRows(3));
    await bench.start(slowToEnd(notes));
    await until('a request', () => notes.includes('send 0'));
    await bench.stop();
    expect(notes).toEqual(['open', 'send 0', 'ended 0', 'close']);
  });

  test('waits for the cut under way, begins no other, and leaves nothing to send twice', async () => {
    bench = await new Bench().open();
    for (let n = 0; n < 4; n++) await bench.append(someRows(10, 'e', n * 10));
    const options = deliveryOptions({ bufferRowsMax: 10 });
    const before = new RecordingSink();
    let open = (): void => undefined;
    before.before = () => new Promise((resolve) => (open = resolve));
    const { stage } = await bench.start(before, options);
    await until('a cut that waits behind the one under way', () => stage.status().planned > 1 && before.underWay === 1);
    const settled = stage.settled(60_000);
    before.before = () => undefined;
    open();
    await settled;
    await bench.stop();
    expect(before.ids()).toHaveLength(10);
    const after = new RecordingSink();
    await bench.start(after, options);
    await bench.drained();
    expect([...before.ids(), ...after.ids()]).toEqual(someRows(40).map(({ id }) => id));
  });

  test('closes a sink that could not be opened, and none that was never opened', async () => {
    bench = await new Bench().open();
    const notes: string[] = [];
    await bench.start(slowToEnd(notes));
    await bench.stop();
    expect(notes).toEqual([]);
    await bench.append(someRows(3));
    await bench.start(slowToEnd(notes, () => true));
    await until('an attempt', () => notes.includes('open'));
    await bench.stop();
    expect(notes.at(-1)).toBe('close');
  });

  test('after a restore the same cut goes out when the old request has ended, not beside it', async () => {
    bench = await new Bench().open();
    await bench.append(someRows(3));
    const notes: string[] = [];
    const stage = new DeliveryStage({
      options: deliveryOptions(),
      log: bench.log,
      schema: SCHEMA,
      filter: null,
      sink: slowToEnd(notes),
      quarantine: new Quarantine({ clock: systemClock, tenantBytesMax: 1e9, eventBytesMax: 65_536 }),
      clock: systemClock,
      random: systemRandom,
    });
    const read = (): void => {
      const cursor = bench.log.cursor('events', 0, 0);
      for (let batch = cursor.next(); batch !== null; batch = cursor.next()) stage.process(batch);
      cursor.close();
    };
    stage.restore(undefined);
    read();
    stage.draining = true;
    const output = (await stage.flush())!;
    stage.committed({ appended: [], receivedAt: 0 }, output);
    await until('a request', () => notes.includes('send 0'));
    // What the loop does when a commit fails.
    stage.restore({ id: stage.id, epoch: 1, positions: output.positions!, state: output.state });
    read();
    await until('the cut', () => notes.includes('ended 1'));
    expect(notes).toEqual(['open', 'send 0', 'ended 0', 'send 1', 'ended 1']);
    await stage.close();
  });
});
