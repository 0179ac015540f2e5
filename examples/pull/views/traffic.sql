-- Clicks of a campaign and what they cost, every five seconds. An event that comes late corrects its window for
-- ten minutes.
CREATE MATERIALIZED VIEW traffic
WITH (watermark_lag = '1 second', allowed_lateness = '10 minutes') AS
SELECT
  tenant,
  campaign,
  window_start,
  window_end,
  count(*) AS clicks,
  sum(cost) AS cost,
  count(DISTINCT "user") AS users
FROM TUMBLE(events, at, INTERVAL '5 seconds')
GROUP BY tenant, campaign, window_start, window_end
