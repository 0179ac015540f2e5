-- Auction top-10 price. Time and bidder decide between equal prices.
CREATE MATERIALIZED VIEW q19 AS
SELECT t.auction, t.bidder, t.price, t.date_time, t.place FROM (
  SELECT auction, bidder, price, date_time,
    row_number() OVER (PARTITION BY auction ORDER BY price DESC, date_time, bidder) AS place FROM bid
) t WHERE t.place <= 10
