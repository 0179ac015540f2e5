-- Windows of processing time. Its clock here is the moment of arrival, so that the rows are the same when read again.
CREATE MATERIALIZED VIEW q12 WITH (emit = 'close', watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT bidder, count(*) AS bids, window_start, window_end
FROM TUMBLE(bid, received_at, INTERVAL '10 seconds') GROUP BY bidder, window_start, window_end
