-- Kept until a row changes that the key may see; ask with ?since=2026-01-31T12:00:00Z&format=csv
-- @description Campaigns with the most clicks, with what they cost and brought
-- @param since timestamptz = '2000-01-01'  First window
-- @param until timestamptz = null          Windows that start before; all when it is left out
-- @param campaigns text[] = null           Only these
-- @param clicks bigint = 0                 At least so many
-- @param shown integer = 10                How many
SELECT
  campaign_id,
  sum(impressions) AS impressions,
  sum(clicks) AS clicks,
  sum(conversions) AS conversions,
  sum(cost) AS cost,
  sum(revenue) AS revenue
FROM traffic
WHERE window_start >= :since
  AND (:until IS NULL OR window_start < :until)
  AND (:campaigns IS NULL OR campaign_id = ANY (:campaigns))
GROUP BY campaign_id
HAVING sum(clicks) >= :clicks
ORDER BY clicks DESC, campaign_id
LIMIT :shown
