/** `filter`: rows pass where a SQL condition is true; where it is false or NULL, they end here. */
import type { FilterOptions } from '../../config/transform-options.js';
import { parseCondition } from '../../sql/expression.js';
import { selectRows } from '../rows.js';
import { failureOf, type Verb } from '../verb.js';

/** The verb. */
export const filter: Verb<FilterOptions> = {
  async plan({ condition }, { schema, place }) {
    const expression = await parseCondition(condition, schema, `${place}.filter`);
    return {
      schema,
      open: () => ({
        run(rows, work) {
          const value = expression.over(rows.batch);
          return selectRows(rows, (row, origin) => {
            try {
              if (value(row) === true) return true;
              work.filter(origin, 'filter');
            } catch (error) {
              work.fail(origin, failureOf(error, null));
            }
            return false;
          });
        },
      }),
    };
  },
};
