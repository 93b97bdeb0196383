WITH departures AS (
  SELECT
    origin,
    time_hour,
    COUNT(*) AS flights,
    COUNTIF(dep_time IS NULL) AS cancelled,
    ROUND(AVG(dep_delay), 1) AS mean_departure_delay
  FROM air.flights
  WHERE origin = @origin AND flight_date = @day
  GROUP BY origin, time_hour
)
SELECT
  departures.time_hour,
  departures.flights,
  departures.cancelled,
  departures.mean_departure_delay,
  weather.temp,
  weather.wind_speed,
  weather.wind_gust,
  weather.precip,
  weather.visib
FROM departures
LEFT JOIN air.weather AS weather
  ON weather.origin = departures.origin AND weather.time_hour = departures.time_hour
ORDER BY departures.time_hour
