-- Requests of the web log by hour and first part of the path.
CREATE MATERIALIZED VIEW sections
WITH (watermark_lag = '60 seconds', allowed_lateness = '7 days') AS
SELECT
  tenant_id,
  '/' || split_part(split_part(path, '?', 1), '/', 2) AS section,
  window_start,
  window_end,
  count(*) AS requests,
  count(*) FILTER (WHERE status >= 400) AS errors,
  count(*) FILTER (WHERE user_agent ILIKE '%bot%' OR user_agent ILIKE '%spider%') AS named_bots,
  approx_count_distinct(ip) AS addresses
FROM TUMBLE(web_log, event_time, INTERVAL '1 hour')
GROUP BY tenant_id, '/' || split_part(split_part(path, '?', 1), '/', 2), window_start, window_end;
