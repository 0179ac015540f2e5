-- Clicks whose click id was there before, within a day: replayed by a script, or counted twice by a network.
--
-- Millrace itself counts an event id once. A click id is the network's: the same one under another event id is a
-- duplicate that only this finds. The first click is not in the view, every further one is (of two in the same millisecond
-- both are). What is older than a day is forgotten.
CREATE MATERIALIZED VIEW duplicate_clicks
WITH (watermark_lag = '10 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, click_id, event_id, event_time, publisher_id, ip, copies, first_time
FROM (
  SELECT tenant_id, click_id, event_id, event_time, publisher_id, ip,
         count(*) OVER day AS copies,
         min(event_time) OVER day AS first_time
  FROM events
  WHERE event_type = 'click' AND click_id IS NOT NULL
  WINDOW day AS (
    PARTITION BY tenant_id, click_id ORDER BY event_time
    RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW
  )
) AS clicks
WHERE copies > 1;
