-- Addresses with more than 20 clicks in any minute, at the click that makes it so.
--
-- RANGE BETWEEN … PRECEDING looks back from each click, so no burst hides between two windows. As a guard it labels the
-- events of such an address 'hot_ip' for ten minutes; write guard_action = 'block' to keep them out.
CREATE MATERIALIZED VIEW hot_ips
WITH (watermark_lag = '10 seconds', allowed_lateness = '1 hour', guard = 'ip', guard_label = 'hot_ip', guard_for = '10 minutes') AS
SELECT tenant_id, ip, event_id, event_time, clicks
FROM (
  SELECT tenant_id, ip, event_id, event_time,
         count(*) OVER (
           PARTITION BY tenant_id, ip ORDER BY event_time
           RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW
         ) AS clicks
  FROM events
  WHERE event_type = 'click' AND ip IS NOT NULL
) AS minute
WHERE clicks > 20;
