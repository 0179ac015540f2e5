-- Local item suggestion. The original's join has no bound; here both are of the same day.
CREATE MATERIALIZED VIEW q3 WITH (watermark_lag = '1 second', allowed_lateness = '0') AS
SELECT p.name, p.city, p.state, a.id FROM auction a
JOIN person p ON a.seller = p.id
  AND p.date_time BETWEEN a.date_time - INTERVAL '1 day' AND a.date_time + INTERVAL '1 day'
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')
