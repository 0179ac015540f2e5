/** The views of the configuration as plans, and statements of before planned beside them. */
import type { MillraceOptions } from './config/options.js';
import type { Replanner } from './mill/epochs.js';
import { columnNamesOf } from './mill/same-state.js';
import type { Declared } from './sql/declared.js';
import { parseViews, type ViewStatement } from './sql/parse.js';
import { readSqlFiles } from './sql/sql-files.js';
import { ViewPlanner } from './sql/standing.js';
import type { StandingPlan } from './sql/standing.js';
import { MillraceError } from './util/errors.js';

/** Plans views: those of the configuration once, and others beside them as often as wanted. */
export class Views implements Replanner {
  readonly #options: Pick<MillraceOptions, 'streams'>;
  readonly #declared: Declared;
  readonly #planner: ViewPlanner;
  readonly #statements = new Map<string, ViewStatement>();

  /** `options`: with the streams that SQL files declare. */
  constructor(options: Pick<MillraceOptions, 'streams'>, declared: Declared) {
    this.#options = options;
    this.#declared = declared;
    this.#planner = this.#newPlanner();
  }

  #newPlanner(): ViewPlanner {
    return new ViewPlanner(new Map(this.#options.streams.map((stream) => [stream.name, stream])), this.#declared);
  }

  /** Plans the views of a configuration. Throws SQL_* with file, line, column and a caret. */
  async plan(views: MillraceOptions['views']): Promise<StandingPlan[]> {
    const plans: StandingPlan[] = [];
    for (const statement of (await readSqlFiles(views)).views) {
      if (statement.isPlain === true) this.#planner.define(statement);
      else plans.push(this.#planner.plan(statement));
      this.#statements.set(statement.name, statement);
    }
    return plans;
  }

  readsOf(name: string): readonly string[] {
    return this.#planner.readsOf(name);
  }

  /** By the streams of today. */
  async replan(
    name: string,
    text: string,
    reads: readonly string[] = this.readsOf(name),
  ): Promise<StandingPlan | null> {
    try {
      const planner = this.#newPlanner();
      await this.#know(planner, reads);
      const [statement] = await parseViews(text);
      return statement === undefined || statement.name !== name ? null : planner.plan(statement);
    } catch (error) {
      if (error instanceof MillraceError) return null;
      throw error;
    }
  }

  /** A plan as text, a line an operator. */
  async linesOf({ name, text }: StandingPlan): Promise<readonly string[]> {
    const planner = this.#newPlanner();
    await this.#know(planner, this.readsOf(name));
    const [statement] = await parseViews(text);
    return statement === undefined ? [] : planner.explain(statement);
  }

  /** A view of a text of one or several statements, planned beside the others. Throws NOT_FOUND, SQL_*. */
  async planText(
    name: string,
    text: string,
  ): Promise<{ readonly plan: StandingPlan; readonly lines: readonly string[] }> {
    const statements = await parseViews(text);
    const given = new Set(statements.map((statement) => statement.name));
    const planner = this.#newPlanner();
    for (const [known, statement] of this.#statements)
      if (!given.has(known)) {
        if (statement.isPlain === true) planner.define(statement);
        else planner.plan(statement);
      }
    for (const statement of statements) {
      if (statement.isPlain === true) planner.define(statement);
      else if (statement.name !== name) planner.plan(statement);
      else return { lines: planner.explain(statement), plan: planner.plan(statement) };
    }
    throw new MillraceError('NOT_FOUND', `the statement makes no view '${name}'`, { place: name });
  }

  async #know(planner: ViewPlanner, statements: readonly string[]): Promise<void> {
    for (const sql of statements)
      for (const view of await parseViews(sql)) {
        if (view.isPlain === true) planner.define(view);
        else planner.plan(view);
      }
  }

  async reordered(plan: StandingPlan, names: readonly string[]): Promise<StandingPlan | null> {
    const [statement] = await parseViews(plan.text);
    const own = columnNamesOf(plan);
    const targets = statement?.select.targetList ?? [];
    const isOrder = own.length === names.length && names.every((name) => own.includes(name));
    if (statement === undefined || !isOrder || statement.columnNames.length > 0 || targets.length !== own.length)
      return null;
    const targetList = names.map((name) => targets[own.indexOf(name)]!);
    try {
      const planner = this.#newPlanner();
      await this.#know(planner, this.readsOf(plan.name));
      return planner.plan({ ...statement, select: { ...statement.select, targetList } });
    } catch (error) {
      // Columns named by their numbers may be others then.
      if (error instanceof MillraceError) return null;
      throw error;
    }
  }
}
