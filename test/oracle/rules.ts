/** Which parts of the grammar a run has met. */

/** Counts hits of rules; those that were never met are known from the lists that declare them. */
export class Hits {
  readonly #counts = new Map<string, number>();

  /** Declares rules, so that one without a hit is seen. */
  declare(rules: Iterable<string>): void {
    for (const rule of rules) if (!this.#counts.has(rule)) this.#counts.set(rule, 0);
  }

  /** Counts each rule once. */
  add(rules: Iterable<string>): void {
    for (const rule of rules) this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
  }

  /** Rules without a hit. */
  missed(): string[] {
    return [...this.#counts]
      .filter(([, count]) => count === 0)
      .map(([rule]) => rule)
      .sort();
  }

  /** All rules, group by group: `group: rule count, …`. */
  lines(): string[] {
    const groups = new Map<string, string[]>();
    for (const [rule, count] of [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const [group, ...rest] = rule.split(' ');
      const list = groups.get(group!) ?? [];
      list.push(`${rest.join(' ')} ${count}`);
      groups.set(group!, list);
    }
    return [...groups].map(([group, list]) => `${group}: ${list.join(' · ')}`);
  }
}
