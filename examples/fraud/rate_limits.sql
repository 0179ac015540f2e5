-- Clicks of a user beyond 5 a minute: 5 may come at once, then one every 12 seconds.
--
-- rate_limit counts in event time (GCRA), so a replay gives the same answer as the day itself, and a click that is over
-- the limit uses nothing up: who stops for a minute is welcome again.
CREATE MATERIALIZED VIEW rate_limits
WITH (watermark_lag = '10 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, user_id, event_id, event_time
FROM (
  SELECT tenant_id, user_id, event_id, event_time,
         rate_limit(5, INTERVAL '1 minute') OVER (PARTITION BY tenant_id, user_id ORDER BY event_time, event_id) AS allowed
  FROM events
  WHERE event_type = 'click' AND user_id IS NOT NULL
) AS clicks
WHERE NOT allowed;
