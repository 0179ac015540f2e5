-- Average selling price by seller, of the last ten auctions. Winning bids as in q9; in Flink it can't be run.
CREATE MATERIALIZED VIEW q6 WITH (watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT w.seller, w.id, avg(w.price) OVER (
  PARTITION BY w.seller ORDER BY w.closed, w.id ROWS BETWEEN 9 PRECEDING AND CURRENT ROW
) AS price FROM (
  SELECT a.id, a.seller, b.price, b.date_time AS closed,
    row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.bidder) AS place
  FROM auction a
  JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.date_time + INTERVAL '10 seconds'
  WHERE b.date_time <= a.expires
) w WHERE w.place <= 1
