-- Clicks whose impression was not seen in the 30 minutes before: forged by whoever never showed the ad.
--
-- An interval anti-join: a click waits until no impression can come any more (the lag), then it is final. An
-- impression that comes later still takes the row back, for allowed_lateness. Both sides keep what can still meet,
-- no more than that.
CREATE MATERIALIZED VIEW click_without_impression
WITH (emit = 'close', watermark_lag = '30 seconds', allowed_lateness = '1 hour') AS
SELECT c.tenant_id, c.click_id, c.event_time, c.publisher_id, c.ip, c.impression_id
FROM events c
WHERE c.event_type = 'click'
  AND NOT EXISTS (
    SELECT 1
    FROM events i
    WHERE i.event_type = 'impression'
      AND i.tenant_id = c.tenant_id
      AND i.impression_id = c.impression_id
      AND i.event_time BETWEEN c.event_time - INTERVAL '30 minutes' AND c.event_time
  );
