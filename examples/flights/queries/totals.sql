SELECT
  (SELECT COUNT(*) FROM air.flights) AS flights,
  (SELECT COUNT(*) FROM air.weather) AS readings
