-- Devices that click at more than 25 publishers within an hour: nobody reads so many pages.
--
-- HyperLogLog keeps some hundred bytes for each device and hour, exact for the few publishers of a person and within 2.3 %
-- for the many of a farm.
CREATE MATERIALIZED VIEW device_publishers
WITH (watermark_lag = '10 seconds', allowed_lateness = '1 hour', retention = '30 days') AS
SELECT tenant_id, device_id, window_start, window_end,
       approx_count_distinct(publisher_id) AS publishers,
       count(*) AS clicks
FROM TUMBLE(events, event_time, INTERVAL '1 hour')
WHERE event_type = 'click' AND device_id IS NOT NULL
GROUP BY tenant_id, device_id, window_start, window_end
HAVING approx_count_distinct(publisher_id) > 25;
