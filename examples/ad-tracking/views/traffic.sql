-- Traffic of each campaign, a row a minute. An open minute is visible at once; it is final five
-- seconds after its end, and later events correct it for a week.
CREATE MATERIALIZED VIEW traffic
WITH (watermark_lag = '5 seconds', allowed_lateness = '7 days') AS
SELECT
  tenant_id,
  campaign_id,
  window_start,
  window_end,
  count(*) FILTER (WHERE event_type = 'impression') AS impressions,
  count(*) FILTER (WHERE event_type = 'click') AS clicks,
  count(*) FILTER (WHERE event_type = 'conversion') AS conversions,
  sum(cost) AS cost,
  sum(revenue) AS revenue,
  round(
    100.0 * count(*) FILTER (WHERE event_type = 'click')
      / nullif(count(*) FILTER (WHERE event_type = 'impression'), 0),
    2
  ) AS ctr_percent,
  approx_count_distinct(user_id) AS users
FROM TUMBLE(events, event_time, INTERVAL '1 minute')
GROUP BY tenant_id, campaign_id, window_start, window_end;
