-- Requests of the web log by minute and status. Rows come up to 59 seconds out of order, hence the
-- lag of a minute; bots are labelled, not dropped, so people and bots add up to all.
CREATE MATERIALIZED VIEW requests
WITH (watermark_lag = '60 seconds', allowed_lateness = '7 days') AS
SELECT
  tenant_id,
  status,
  window_start,
  window_end,
  count(*) AS requests,
  sum(bytes) AS bytes,
  count(DISTINCT ip) AS addresses
FROM TUMBLE(web_log, event_time, INTERVAL '1 minute')
GROUP BY tenant_id, status, window_start, window_end;
