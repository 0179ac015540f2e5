-- Monitor new users. As the original.
CREATE MATERIALIZED VIEW q8 WITH (emit = 'close', watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT p.id, p.name, p.window_start, p.window_end FROM (
  SELECT id, name, window_start, window_end FROM TUMBLE(person, date_time, INTERVAL '10 seconds')
  GROUP BY id, name, window_start, window_end
) p JOIN (
  SELECT seller, window_start, window_end FROM TUMBLE(auction, date_time, INTERVAL '10 seconds')
  GROUP BY seller, window_start, window_end
) a ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end
