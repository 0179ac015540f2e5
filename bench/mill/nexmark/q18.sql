-- Find last bid. Prices decide between bids of one moment, which the original leaves open.
CREATE MATERIALIZED VIEW q18 AS
SELECT l.auction, l.bidder, l.price, l.date_time FROM (
  SELECT auction, bidder, price, date_time,
    row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, price DESC) AS place FROM bid
) l WHERE l.place <= 1
