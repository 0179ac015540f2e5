-- Devices with more than 10 clicks in any minute, whatever addresses they come from.
CREATE MATERIALIZED VIEW hot_devices
WITH (watermark_lag = '10 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, device_id, event_id, event_time, clicks, addresses
FROM (
  SELECT tenant_id, device_id, event_id, event_time,
         count(*) OVER minute AS clicks,
         count(DISTINCT ip) OVER minute AS addresses
  FROM events
  WHERE event_type = 'click' AND device_id IS NOT NULL
  WINDOW minute AS (
    PARTITION BY tenant_id, device_id ORDER BY event_time
    RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW
  )
) AS minutes
WHERE clicks > 10;
