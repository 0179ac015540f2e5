-- Highest bid. The original joins on a time within the window; here on the window itself, which says the same.
CREATE MATERIALIZED VIEW q7 WITH (emit = 'close', watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT b.auction, b.price, b.bidder, b.date_time, b.extra, b.window_end
FROM TUMBLE(bid, date_time, INTERVAL '10 seconds') b JOIN (
  SELECT max(price) AS maxprice, window_end FROM TUMBLE(bid, date_time, INTERVAL '10 seconds') GROUP BY window_end
) m ON b.window_end = m.window_end AND b.price = m.maxprice
