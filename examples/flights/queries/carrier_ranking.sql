WITH carriers AS (
  SELECT
    carrier,
    COUNT(*) AS flights,
    ROUND(SAFE_DIVIDE(COUNTIF(arr_delay <= 15), COUNT(*)), 4) AS on_time
  FROM air.flights
  GROUP BY carrier
)
SELECT
  RANK() OVER (ORDER BY on_time DESC) AS place,
  carrier,
  flights,
  on_time
FROM carriers
ORDER BY place, carrier
