/**
 * Runs a stage by the contract of the reader loop, one step at a time, so that a process can be killed
 * between any two of them.
 */
import type { AppendGroup, AppendResult, Log } from '../../../src/log/log.js';
import { ReaderInputs } from '../../../src/log/reader-inputs.js';
import type { Stage } from '../../../src/log/stage.js';

/** Where a flush is cut short. */
export type FlushCut = 'before the append' | 'before the answer';

/** A stage under steps. */
export class StageSteps {
  readonly #log: Log;
  readonly #stage: Stage;
  readonly #append: (group: AppendGroup) => Promise<AppendResult>;
  readonly #inputs: ReaderInputs;

  private constructor(
    log: Log,
    stage: Stage,
    append: (group: AppendGroup) => Promise<AppendResult>,
    inputs: ReaderInputs,
  ) {
    this.#log = log;
    this.#stage = stage;
    this.#append = append;
    this.#inputs = inputs;
  }

  /** Restores, and replays to what is committed. `append`: the log's, or a broken one. */
  static async start(
    log: Log,
    stage: Stage,
    append: (group: AppendGroup) => Promise<AppendResult> = (group) => log.append(group),
  ): Promise<StageSteps> {
    const committed = stage.store === 'log' ? log.reader(stage.id) : undefined;
    const from = stage.store === 'log' ? await stage.restore(committed) : await stage.restore();
    const inputs = new ReaderInputs(log, stage.id, stage.inputs, from, committed, { skipped: () => undefined });
    if (committed === undefined) await log.registerReader(stage.id, inputs.positions());
    const steps = new StageSteps(log, stage, append, inputs);
    while (inputs.replaying) if (!(await steps.#readOnce(true))) throw new Error(`${stage.id} can not replay`);
    inputs.endReplay();
    if (stage.store === 'log') await stage.replayed?.(committed);
    return steps;
  }

  /** Processes at most so many batches; says how many it did. */
  async read(batches: number): Promise<number> {
    const clocks = this.#stage.inputs.map((stream) => ({ stream, clock: this.#log.arrivalClock(stream) }));
    let done = 0;
    while (done < batches && (await this.#readOnce(false))) done += 1;
    for (const { stream, clock } of clocks)
      if (this.#inputs.hasRead(stream, clock)) await this.#stage.tick?.(stream, clock);
    return done;
  }

  async #readOnce(replay: boolean): Promise<boolean> {
    for (const input of this.#inputs.all) {
      if (replay && input.position >= input.replayTo) continue;
      const batch = this.#inputs.next(input);
      if (batch === null) continue;
      if (batch.rows > 0) await this.#stage.process(batch, replay);
      input.position = batch.baseOffset + batch.rows;
      return true;
    }
    return false;
  }

  /** Makes durable what there is; says whether there was something. */
  async flush(cut?: FlushCut): Promise<boolean> {
    const positions = this.#inputs.positions();
    const stage = this.#stage;
    if (stage.store === 'own') {
      const held = await stage.flush(positions);
      if (held !== null) await this.#log.registerReader(stage.id, held);
      return held !== null;
    }
    const output = await stage.flush(positions);
    if (output === null || cut === 'before the append') return output !== null;
    const { id, epoch } = stage;
    const result = await this.#append({
      batches: output.outputs,
      reader: { id, epoch, positions: output.positions ?? positions, state: output.state },
    });
    if (cut === undefined) await stage.committed?.(result, output);
    return true;
  }

  /** Ends it and closes its files. */
  async close(): Promise<void> {
    this.#inputs.close();
    await this.#stage.close?.();
  }
}
