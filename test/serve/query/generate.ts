/** Generates queries over the fixture's relations, most of them valid. */
import fc from 'fast-check';

interface Column {
  readonly name: string;
  readonly type: 'text' | 'number' | 'time';
}

const RELATIONS: Readonly<Record<string, readonly Column[]>> = {
  traffic: [
    { name: 'tenant_id', type: 'text' },
    { name: 'campaign', type: 'text' },
    { name: 'window_start', type: 'time' },
    { name: 'impressions', type: 'number' },
    { name: 'cost', type: 'number' },
    { name: 'rate', type: 'number' },
  ],
  events: [
    { name: 'tenant_id', type: 'text' },
    { name: 'event_id', type: 'text' },
    { name: 'kind', type: 'text' },
    { name: 'campaign', type: 'text' },
    { name: 'event_time', type: 'time' },
    { name: 'clicks', type: 'number' },
    { name: 'cost', type: 'number' },
  ],
};

/** Draws from a list of random numbers; when they end, always the first choice, so that trees end. */
class Dice {
  readonly #numbers: readonly number[];
  #next = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  of(count: number): number {
    return this.#next < this.#numbers.length ? this.#numbers[this.#next++]! % count : 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.of(items.length)]!;
  }
}

interface Visible {
  readonly text: string;
  readonly type: Column['type'];
}

class Generator {
  readonly #dice: Dice;
  #aliases = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  query(outer: readonly Visible[], depth: number, width: number): string {
    const kind = depth > 3 ? 0 : this.#dice.of(8);
    if (kind === 5)
      return `(${this.query(outer, depth + 1, width)}) ${this.#dice.pick(['UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT'])} (${this.query(outer, depth + 1, width)})`;
    if (kind === 6) {
      const name = this.#dice.pick(['traffic', 'events', 'other']);
      return `WITH ${name} AS (${this.query([], depth + 1, 2)}) ${this.select(outer, depth, width, name)}`;
    }
    return this.select(outer, depth, width, null);
  }

  select(outer: readonly Visible[], depth: number, width: number, cte: string | null): string {
    const from: string[] = [];
    const visible: Visible[] = [];
    const items = 1 + (depth > 1 ? 0 : this.#dice.of(2));
    for (let item = 0; item < items; item++) {
      const alias = `a${this.#aliases++}`;
      const kind = depth > 3 ? 0 : this.#dice.of(6);
      if (kind === 4) {
        from.push(`(${this.query([], depth + 1, 2)}) AS ${alias}(x0, x1)`);
        visible.push({ text: `${alias}.x0`, type: 'text' }, { text: `${alias}.x1`, type: 'text' });
      } else if (kind === 5 && visible.length > 0) {
        from.push(`LATERAL (${this.query(visible, depth + 1, 2)}) AS ${alias}(x0, x1)`);
        visible.push({ text: `${alias}.x0`, type: 'text' }, { text: `${alias}.x1`, type: 'text' });
      } else if (cte !== null && this.#dice.of(2) === 1) {
        from.push(`${cte} AS ${alias}(x0, x1)`);
        visible.push({ text: `${alias}.x0`, type: 'text' }, { text: `${alias}.x1`, type: 'text' });
      } else {
        const name = this.#dice.pick(Object.keys(RELATIONS).filter((relation) => relation !== cte));
        from.push(`${name} AS ${alias}`);
        for (const column of RELATIONS[name]!) visible.push({ text: `${alias}.${column.name}`, type: column.type });
      }
    }
    const all = [...visible, ...outer];
    const grouped = this.#dice.of(3) === 1;
    const keys = grouped ? [this.expression(all, 'text', depth + 1)] : [];
    const outputs = Array.from({ length: width }, (_, index) =>
      grouped ? (index === 0 ? keys[0]! : this.aggregate(visible, depth)) : this.expression(all, 'text', depth),
    );
    const join =
      items === 2 && this.#dice.of(2) === 1 && !from[1]!.startsWith('LATERAL')
        ? this.#dice.pick([' JOIN ', ' LEFT JOIN ', ' FULL JOIN '])
        : null;
    const source =
      join === null
        ? from.join(', ')
        : `${from[0]}${join}${from[1]} ON ${visible[0]!.text} = ${visible.at(-1)!.type === 'text' ? visible.at(-1)!.text : visible[0]!.text}`;
    const where = this.#dice.of(2) === 1 ? ` WHERE ${this.condition(all, depth)}` : '';
    const having = grouped && this.#dice.of(3) === 1 ? ` HAVING count(*) > ${this.#dice.of(4)}` : '';
    return `SELECT ${this.#dice.of(6) === 5 ? 'DISTINCT ' : ''}${outputs.join(', ')} FROM ${source}${where}${grouped ? ` GROUP BY ${keys[0]}` : ''}${having}`;
  }

  aggregate(visible: readonly Visible[], depth: number): string {
    const number = visible.filter(({ type }) => type === 'number').at(0)?.text ?? '1';
    const text = visible.find(({ type }) => type === 'text')!.text;
    const filter = this.#dice.of(3) === 2 ? ` FILTER (WHERE ${this.condition(visible, depth + 2)})` : '';
    return `CAST(${this.#dice.pick(['count(*)', `sum(${number})`, `max(${text})`, `min(${text})`, `count(DISTINCT ${text})`, `avg(${number})`])}${filter} AS text)`;
  }

  expression(visible: readonly Visible[], type: 'text' | 'number', depth: number): string {
    const columns = visible.filter((column) => column.type === type);
    const column = columns.length === 0 ? (type === 'text' ? "'none'" : '7') : this.#dice.pick(columns).text;
    if (depth > 4) return column;
    const below = depth + 1;
    if (type === 'number') {
      switch (this.#dice.of(6)) {
        case 1:
          return `(${this.expression(visible, 'number', below)} ${this.#dice.pick(['+', '-', '*', '/'])} ${this.expression(visible, 'number', below)})`;
        case 2:
          return `length(${this.expression(visible, 'text', below)})`;
        case 3:
          return `coalesce(${column}, 0)`;
        case 4:
          return `(SELECT count(*) FROM (${this.query(visible, below + 1, 1)}) AS s${this.#aliases++})`;
        default:
          return column;
      }
    }
    switch (this.#dice.of(9)) {
      case 1:
        return `(${this.expression(visible, 'text', below)} || ${this.expression(visible, 'text', below)})`;
      case 2:
        return `CASE WHEN ${this.condition(visible, below)} THEN ${this.expression(visible, 'text', below)} ELSE ${column} END`;
      case 3:
        return `upper(${this.expression(visible, 'text', below)})`;
      case 4:
        return `CAST(${this.expression(visible, 'number', below)} AS text)`;
      case 5:
        return `(SELECT max(z.x0) FROM (${this.query(visible, below + 1, 1)}) AS z(x0))`;
      case 6:
        return `substr(${this.expression(visible, 'text', below)}, ${this.#dice.of(5)})`;
      case 7:
        return `coalesce(${column}, 'null')`;
      default:
        return column;
    }
  }

  condition(visible: readonly Visible[], depth: number): string {
    const below = depth + 1;
    switch (depth > 4 ? 0 : this.#dice.of(9)) {
      case 1:
        return `(${this.condition(visible, below)} OR ${this.condition(visible, below)})`;
      case 2:
        return `NOT ${this.condition(visible, below)}`;
      case 3:
        return `EXISTS (${this.query(visible, below, 1)})`;
      case 4:
        return `${this.expression(visible, 'text', below)} IN (${this.query(visible, below, 1)})`;
      case 5:
        return `${this.expression(visible, 'number', below)} > ${this.expression(visible, 'number', below)}`;
      case 6:
        return `${this.expression(visible, 'text', below)} LIKE '%o%'`;
      case 7:
        return `${this.expression(visible, 'text', below)} = ANY (${this.query(visible, below, 1)})`;
      case 8:
        return 'true';
      default:
        return `${this.expression(visible, 'text', 9)} <> 'bolt'`;
    }
  }
}

/** A query with one or two columns of text. */
export const generatedQuery: fc.Arbitrary<string> = fc
  .array(fc.nat(1_000), { minLength: 5, maxLength: 120, size: 'max' })
  .map((numbers) => new Generator(new Dice(numbers)).query([], 0, 2));
