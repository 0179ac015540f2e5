/** Plans of statements, held against `plans.txt`. */
import { expect, test } from 'vitest';
import { parseViews } from '../../../src/sql/parse.js';
import { explainRelation } from '../../../src/sql/relation/explain.js';
import type { CatalogRelation, RelationCatalog } from '../../../src/sql/relation/catalog.js';
import type { SqlType } from '../../../src/sql/plan.js';
import { planRelationView } from '../../../src/sql/relation/view.js';

const TYPES: Readonly<Record<string, SqlType>> = {
  i: 'integer',
  t: 'text',
  ts: 'timestamptz',
  n: 'numeric',
  l: 'text[]',
};

function relation(kind: 'stream' | 'table', name: string, columns: string): [string, CatalogRelation] {
  const fields = columns.split(' ').map((column) => {
    const [field, type] = column.split(':');
    return { name: field!, type: TYPES[type!]!, nullable: true };
  });
  const isStream = kind === 'stream';
  return [
    name,
    { kind, name, fields, key: isStream ? null : [0], time: isStream ? 4 : null, tenant: isStream ? 1 : null },
  ];
}

const catalog: RelationCatalog = new Map([
  relation('stream', 'e', 'id:t tenant:t k:t v:i ts:ts cost:n labels:l'),
  relation('stream', 'c', 'id:t tenant:t k:t v:i ts:ts'),
  relation('table', 'd', 'id:t name:t w:i'),
]);

const QUERIES = [
  "select tenant, window_start, count(*) c, sum(cost) from tumble(e, ts, interval '1 minute') where v>1 group by tenant, window_start having count(*)>1",
  "select k, window_end, count(distinct id) filter (where v>0) from hop(e, ts, interval '1 minute', interval '5 minutes') as h group by 1,2",
  "select e.id, c.v from e join c on e.id=c.id and c.ts between e.ts and e.ts + interval '1 hour'",
  "select e.id from e left join c on e.id=c.id and c.ts between e.ts and e.ts + interval '1 hour' where c.id is null",
  "select e.id, c.v from e, c where e.id=c.id and c.ts >= e.ts and c.ts < e.ts + interval '1 hour' and e.v > 3 and c.v < 5",
  'select * from (select id, k, v, row_number() over (partition by k order by v desc) rn from e) s where rn <= 3',
  'select id, k, v from (select id, k, v, row_number() over (partition by k order by v desc) rn from e) s where rn <= 3',
  'select distinct on (id) id, v from e order by id, ts',
  'select e.id, d.name from e join d on e.k = d.id',
  "select k, count(*) over (partition by k order by ts range between interval '1 minute' preceding and current row) n, ewma from (select k, ts, v as ewma from e) z",
  'select k, count(*) over w n, sum(v) over (w rows 3 preceding) s from e window w as (partition by k order by ts)',
  'with a as (select k, count(*) n from e group by k) select n, count(*) from a group by n',
  'select k, v, grouping(k,v), sum(cost) from e group by rollup(k, v)',
  'select id from e where exists (select 1 from d where d.id = e.k and d.w > e.v)',
  'select id from e where k not in (select id from d)',
  'select k from e union select name from d',
  "select e.window_start, count(*) from tumble(e, ts, interval '1 minute') e join tumble(c, ts, interval '1 minute') c on e.window_start = c.window_start and e.k=c.k group by e.window_start",
  'select x, count(*) from e, unnest(labels) as x group by x',
  'select unnest(labels) l, v from e',
  'select k, sum(v) / count(*) r, rank() over (order by count(*) desc) from e group by k',
  "select tenant, window_start, count(*) from tumble((select * from e join d on e.k=d.id), ts, interval '10 s') group by 1, 2",
  'select e.id from e join c on e.id = c.id',
  'select id, v from e where v > (select avg(w) from d)',
  'select id, v from e order by v desc limit 5',
  "select session.k, window_start, window_end, count(*) from session(e, ts, interval '5 minutes', k) group by k, window_start, window_end",
  // The rows that lead their window, in two ways; one of other rows stays a join.
  "select b.id, b.v, g.m from tumble(e, ts, interval '1 minute') b join (select max(v) m, window_end from tumble(e, ts, interval '1 minute') group by window_end) g on b.window_end = g.window_end and b.v = g.m",
  "select b.k, b.n, b.window_end from (select min(c.n) n, c.window_end from (select count(*) n, window_end from hop(e, ts, interval '1 minute', interval '2 minutes') group by k, window_end) c group by c.window_end) m join (select k, count(*) n, window_end from hop(e, ts, interval '1 minute', interval '2 minutes') group by k, window_end) b on b.window_end = m.window_end and m.n >= b.n and b.n + m.n > 4",
  "select b.id, g.m from tumble(e, ts, interval '1 minute') b join (select max(v) m, window_end from tumble((select * from e where v > 3), ts, interval '1 minute') group by window_end) g on b.window_end = g.window_end and b.v = g.m",
  'select zz from e',
  'select k, v from e group by k',
];

test('plans are what they were', async () => {
  const lines: string[] = [];
  for (const query of QUERIES) {
    lines.push(`-- ${query}`);
    try {
      const [statement] = await parseViews(`CREATE MATERIALIZED VIEW v AS ${query}`);
      const view = planRelationView(statement!, catalog);
      const { key, closes, notices, tenant, width } = view;
      lines.push(`key ${JSON.stringify(key)} closes ${closes} tenant ${tenant} width ${width}`, ...notices);
      lines.push(...explainRelation(view.relation, 1));
    } catch (error) {
      if (!('code' in (error as object))) throw error;
      lines.push((error as Error).message);
    }
    lines.push('');
  }
  await expect(lines.join('\n')).toMatchFileSnapshot('plans.txt');
});
