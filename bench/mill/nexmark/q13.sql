-- Bounded side input. As the original; the table is a stream with a PRIMARY KEY.
CREATE MATERIALIZED VIEW q13 AS
SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b
JOIN side_input s ON mod(b.auction, 10000) = s.key
