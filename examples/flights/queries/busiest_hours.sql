SELECT
  DIV(sched_dep_time, 100) AS hour,
  COUNT(*) AS flights,
  COUNTIF(dep_time IS NULL) AS cancelled,
  ROUND(AVG(dep_delay), 1) AS mean_departure_delay
FROM air.flights
WHERE origin = @origin
GROUP BY hour
ORDER BY flights DESC, hour
LIMIT 10
