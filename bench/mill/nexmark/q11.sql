-- User sessions. As the original.
CREATE MATERIALIZED VIEW q11 WITH (emit = 'close', watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT bidder, count(*) AS bids, window_start, window_end
FROM SESSION(bid, date_time, INTERVAL '10 seconds', bidder) GROUP BY bidder, window_start, window_end
