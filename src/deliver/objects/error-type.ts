/**
 * `!{firehose:error-output-type}` of a quarantined event, as a SQL expression over the quarantine's
 * columns: Firehose's words where it has one for what happened.
 */
export const ERROR_OUTPUT_TYPE = {
  name: 'error-output-type',
  sql: `CASE stage
    WHEN 'transform' THEN 'processing-failed'
    WHEN 'collect' THEN 'format-conversion-failed'
    ELSE CASE WHEN code LIKE 'SQL\\_%' THEN 'dynamic-partitioning-failed' ELSE 'delivery-failed' END
  END`,
} as const;
