WITH departures AS (
  SELECT
    origin,
    time_hour,
    COUNT(*) AS flights,
    COUNTIF(dep_time IS NULL) AS cancelled,
    ROUND(AVG(dep_delay), 1) AS mean_departure_delay
  FROM air.flights
  WHERE origin = @origin
  GROUP BY origin, time_hour
)
SELECT
  departures.time_hour,
  departures.flights,
  departures.cancelled,
  departures.mean_departure_delay,
  weather.temp,
  weather.wind_speed,
  weather.precip,
  weather.visib
FROM departures
JOIN air.weather AS weather
  ON weather.origin = departures.origin AND weather.time_hour = departures.time_hour
WHERE departures.flights >= 5
ORDER BY departures.mean_departure_delay DESC, departures.time_hour
LIMIT 20
