/**
 * The guards of "never double", each with the schedule against which it is there. The guards overlap, so
 * a random round may pass without one of them; its own schedule must not.
 *
 * | guard | schedule |
 * |---|---|
 * | event ids are compared | resend after a lost answer |
 * | numbers, offsets and revisions are one commit | kill between aggregates and offset |
 * | values are absolute | the same page twice |
 * | the revision guard | a stopped worker wakes and applies an old page after a newer one |
 * | the cursor is saved with the rows | kill after a cursor saved first |
 * | a round is applied as a whole | one half of a move changes between two pages |
 */
import type { Databases } from './database.js';
import type { Family } from './events.js';
import { KilledHere } from './sim-server.js';
import { World, type Guards } from './world.js';

/** A guard and its schedule. */
export interface Schedule {
  readonly guard: string;
  readonly name: string;
  readonly family: Family;
  /** How the guard is taken away. */
  readonly without: Guards;
  run(world: World): Promise<void>;
}

/** Every guard. */
export const SCHEDULES: readonly Schedule[] = [
  {
    guard: 'event ids are compared',
    name: 'resend after a lost answer',
    family: 'counts',
    without: { noDedupe: true },
    async run(world) {
      await world.send(world.generator.touch('c1', world.clock.now()), 'before the answer');
      await world.server.start();
      await world.resend();
    },
  },
  {
    guard: 'numbers, offsets and revisions are one commit',
    name: 'kill between aggregates and offset',
    family: 'counts',
    without: { offsetsApart: true },
    async run(world) {
      const { server, generator, clock } = world;
      await world.send(generator.touch('c1', clock.now()));
      await server.millRead(10);
      server.cutApart = true;
      await server.millFlush('before the answer').catch((error: unknown) => {
        if (!(error instanceof KilledHere)) throw error;
      });
      server.cutApart = false;
      await world.kill();
      await server.start();
      // What the restart says again must be nothing new.
      await world.catchUp();
    },
  },
  {
    guard: 'values are absolute',
    name: 'the same page twice',
    family: 'counts',
    without: { deltas: true, statement: (sql) => sql.replace(/"n" = (excluded\."n")/i, '"n" = t."n" + $1') },
    async run(world) {
      const [first, second] = world.workers;
      await changed(world);
      await second!.until(/^ask$/);
      await first!.catchUp();
      // The key has changed again when the second worker asks from where the first one did.
      await changed(world);
      await second!.turn();
      await first!.catchUp();
    },
  },
  {
    guard: 'the revision guard',
    name: 'a stopped worker wakes and applies an old page after a newer one',
    family: 'counts',
    without: { statement: (sql) => sql.replace(/ WHERE t\._rev < excluded\._rev/i, '') },
    async run(world) {
      const [stopped, other] = world.workers;
      await changed(world);
      await stopped!.until(/^answer$/);
      await changed(world);
      await other!.catchUp();
      await stopped!.turn();
    },
  },
  {
    guard: 'the cursor is saved with the rows',
    name: 'kill after a cursor saved first',
    family: 'counts',
    without: { cursorFirst: true },
    async run(world) {
      await changed(world);
      // The state is written first, and nothing else yet.
      await world.workers[0]!.until(/^(WITH|INSERT INTO temp)/);
      world.replaceWorker(0);
    },
  },
  {
    guard: 'a round is applied as a whole',
    name: 'one half of a move changes between two pages',
    family: 'moves',
    without: { pagesApart: true },
    async run(world) {
      const { generator, clock, workers } = world;
      await world.send(generator.move('acme', 'c0', 'c1', clock.now(), 7));
      await world.catchUp();
      const [worker] = workers;
      await worker!.until(/^answer$/);
      await worker!.turn();
      await world.send(generator.touch('c1', clock.now()));
      await world.catchUp();
      await worker!.catchUp();
    },
  },
];

/** One key changes, and the server has it. */
async function changed(world: World): Promise<void> {
  await world.send(world.generator.touch('c1', world.clock.now()));
  await world.catchUp();
}

/** Runs a schedule; throws what it finds. `broken`: without its guard. */
export async function runSchedule(schedule: Schedule, databases: Databases, broken: boolean): Promise<void> {
  const world = await World.open({
    seed: 900_000_000 + SCHEDULES.indexOf(schedule) * 2 + (broken ? 1 : 0),
    family: schedule.family,
    databases,
    partitions: 1,
    workers: 2,
    limit: 1,
    snapshotEveryMs: 1e9,
    summary: {},
    ...(broken ? { guards: schedule.without } : {}),
  });
  try {
    await world.send(world.generator.deposit(world.clock.now()));
    await world.catchUp();
    for (const worker of world.workers) await worker.catchUp();
    await schedule.run(world);
    // Now, before time closes the windows and all rows come once more.
    await world.look();
    await world.finish();
  } catch (error) {
    throw world.violation ?? error;
  } finally {
    await world.close();
  }
}
