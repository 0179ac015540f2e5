-- Expand bid with auction. The original's join has no bound; here a bid is of a time about its auction's begin.
CREATE MATERIALIZED VIEW q20 WITH (watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT b.auction, b.bidder, b.price, b.date_time, a.item_name, a.seller, a.category FROM bid b
JOIN auction a ON b.auction = a.id
  AND b.date_time BETWEEN a.date_time - INTERVAL '1 second' AND a.date_time + INTERVAL '10 seconds'
WHERE a.category = 10
