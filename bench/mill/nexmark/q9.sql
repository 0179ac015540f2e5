-- Winning bids. Bounded as q4; the bidder decides between bids of one price and moment.
CREATE MATERIALIZED VIEW q9 WITH (watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT w.id, w.item_name, w.seller, w.category, w.bidder, w.price, w.bid_time FROM (
  SELECT a.id, a.item_name, a.seller, a.category, b.bidder, b.price, b.date_time AS bid_time,
    row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.bidder) AS place
  FROM auction a
  JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.date_time + INTERVAL '10 seconds'
  WHERE b.date_time <= a.expires
) w WHERE w.place <= 1
