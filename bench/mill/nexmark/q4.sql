-- Average price for a category. The original bounds the join by each auction's `expires`; here a fixed length,
-- which no auction exceeds, stands beside it.
CREATE MATERIALIZED VIEW q4 WITH (watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT q.category, avg(q.final) AS price FROM (
  SELECT max(b.price) AS final, a.category FROM auction a
  JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.date_time + INTERVAL '10 seconds'
  WHERE b.date_time <= a.expires GROUP BY a.id, a.category
) q GROUP BY q.category
