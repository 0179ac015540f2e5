/** The load of the feed's bench, as server and consumers both know it. */

/** Consumers, each of a tenant of its own. */
export const TENANTS = 15_000;
/** Changed rows of one pull. */
export const ROWS_A_PULL = 100;
