-- Campaigns that spend their day's budget faster than the day passes.
--
-- CUMULATE adds the day up hour by hour. What a campaign may spend by then is its budget's share of the day; more than
-- half as much again is too fast. Budgets are a table that is changed by SQL.
CREATE TABLE budgets (tenant_id text, campaign_id text, daily numeric, PRIMARY KEY (tenant_id, campaign_id));

CREATE MATERIALIZED VIEW budget_pacing
WITH (watermark_lag = '10 seconds', allowed_lateness = '1 hour') AS
SELECT s.tenant_id, s.campaign_id, s.window_start, s.window_end, s.spent, b.daily,
       round(s.spent / (b.daily * extract(epoch FROM s.window_end - s.window_start)::numeric / 86400), 2) AS pace
FROM (
  SELECT tenant_id, campaign_id, window_start, window_end, sum(cost) AS spent
  FROM CUMULATE(events, event_time, INTERVAL '1 hour', INTERVAL '1 day')
  GROUP BY tenant_id, campaign_id, window_start, window_end
) AS s
JOIN budgets b ON b.tenant_id = s.tenant_id AND b.campaign_id = s.campaign_id
WHERE s.spent > 1.5 * b.daily * extract(epoch FROM s.window_end - s.window_start)::numeric / 86400;
