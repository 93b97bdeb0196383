SELECT
  carrier,
  COUNT(*) AS flights,
  COUNTIF(dep_time IS NULL) AS cancelled,
  ROUND(AVG(dep_delay), 1) AS mean_departure_delay,
  ROUND(AVG(arr_delay), 1) AS mean_arrival_delay,
  MAX(arr_delay) AS worst_arrival_delay,
  ROUND(SAFE_DIVIDE(COUNTIF(arr_delay > 15), COUNT(arr_delay)), 3) AS share_late
FROM air.flights
WHERE origin = @origin AND dest = @dest
GROUP BY carrier
ORDER BY flights DESC, carrier
