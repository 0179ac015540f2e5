-- Click-through rates of placements that do not fit their own history.
--
-- placement_hours has the rate of each placement and hour, final when the hour is over. ctr_history sets it against an
-- average of the hours before that forgets (ewma), and asks a random cut forest how strange the hour is by rate and
-- number of impressions together; the attribution says which of the two it is.
CREATE MATERIALIZED VIEW placement_hours
WITH (emit = 'close', watermark_lag = '1 minute', allowed_lateness = '1 hour') AS
SELECT tenant_id, placement_id, window_start, window_end,
       count(*) FILTER (WHERE event_type = 'impression') AS impressions,
       count(*) FILTER (WHERE event_type = 'click') AS clicks
FROM TUMBLE(events, event_time, INTERVAL '1 hour')
WHERE placement_id IS NOT NULL
GROUP BY tenant_id, placement_id, window_start, window_end;

CREATE MATERIALIZED VIEW ctr_history
WITH (emit = 'close', watermark_lag = '1 minute', allowed_lateness = '1 hour') AS
SELECT tenant_id, placement_id, window_start, window_end, rate, usual, score, attribution
FROM (
  SELECT tenant_id, placement_id, window_start, window_end, rate,
         ewma(rate, 0.1) OVER placement AS usual,
         rcf_score(rate, ln(impressions), 'after 24') OVER placement AS score,
         rcf_attribution(rate, ln(impressions), 'after 24') OVER placement AS attribution
  FROM (
    SELECT tenant_id, placement_id, window_start, window_end, impressions,
           100.0 * clicks / impressions AS rate
    FROM placement_hours
    WHERE impressions > 0
  ) AS rates
  WINDOW placement AS (PARTITION BY tenant_id, placement_id ORDER BY window_start)
) AS scored
WHERE score > 2;
