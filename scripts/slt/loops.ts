/** The loops of DuckDB's test files: `loop i 0 5` and `foreach type integer bigint`, ended by `endloop`. */

/** What a loop's name stands for, one after the other; undefined where that can not be told. */
export function loopValues(word: string, words: readonly string[]): readonly string[] | undefined {
  if (word.endsWith('foreach'))
    return words.length === 0 ? undefined : words.flatMap((each) => COLLECTIONS[each]?.split(' ') ?? [each]);
  const [from, to] = words.map(Number);
  if (from === undefined || to === undefined || !Number.isInteger(from) || !Number.isInteger(to)) return undefined;
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => String(from + i));
}

const COLLECTIONS: Readonly<{ [name: string]: string }> = {
  '<integral>': 'smallint integer bigint',
  '<signed>': 'smallint integer bigint',
  '<numeric>': 'smallint integer bigint real double',
};

/** A loop's body for one value: `${name}` and `{name}`. */
export function substituteLoop(body: string, name: string, value: string): string {
  return body.replaceAll(`\${${name}}`, value).replaceAll(`{${name}}`, value);
}
