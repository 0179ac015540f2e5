-- Hot items. As the original, in the notation of window functions in FROM.
CREATE MATERIALIZED VIEW q5 WITH (emit = 'close', watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT b.auction, b.num, b.window_start, b.window_end FROM (
  SELECT auction, count(*) AS num, window_start, window_end
  FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds') GROUP BY auction, window_start, window_end
) b JOIN (
  SELECT max(c.num) AS maxn, c.window_start, c.window_end FROM (
    SELECT count(*) AS num, window_start, window_end
    FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds') GROUP BY auction, window_start, window_end
  ) c GROUP BY c.window_start, c.window_end
) m ON b.window_start = m.window_start AND b.window_end = m.window_end AND b.num >= m.maxn
