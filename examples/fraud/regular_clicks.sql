-- Publishers whose visitors click too regularly: the time from impression to click of people is spread widely, that of a
-- script hardly at all.
--
-- An interval join measures the time to click; of each publisher and hour with 20 clicks or more, the spread between
-- the tenth and the ninetieth percentile is set against the median.
CREATE VIEW time_to_click AS
SELECT c.tenant_id, c.publisher_id, c.event_time,
       extract(epoch FROM c.event_time - i.event_time)::double precision AS seconds
FROM events c
JOIN events i
  ON i.tenant_id = c.tenant_id
 AND i.impression_id = c.impression_id
 AND i.event_time BETWEEN c.event_time - INTERVAL '30 minutes' AND c.event_time
WHERE c.event_type = 'click' AND i.event_type = 'impression';

CREATE MATERIALIZED VIEW regular_clicks
WITH (watermark_lag = '30 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, publisher_id, window_start, window_end,
       count(*) AS clicks,
       approx_percentile(seconds, 0.5) AS median,
       approx_percentile(seconds, 0.9) - approx_percentile(seconds, 0.1) AS spread
FROM TUMBLE(time_to_click, event_time, INTERVAL '1 hour')
GROUP BY tenant_id, publisher_id, window_start, window_end
HAVING count(*) >= 20
   AND approx_percentile(seconds, 0.9) - approx_percentile(seconds, 0.1) < 0.1 * approx_percentile(seconds, 0.5);
