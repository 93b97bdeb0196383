SELECT
  flight_date,
  COUNT(*) AS flights,
  COUNTIF(dep_time IS NULL) AS cancelled,
  ROUND(AVG(dep_delay), 1) AS mean_departure_delay
FROM air.flights
WHERE origin = @origin
GROUP BY flight_date
ORDER BY mean_departure_delay DESC, flight_date
LIMIT 10
