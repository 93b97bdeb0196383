SELECT
  (SELECT COUNT(*) FROM nyc.flights) AS flights,
  (SELECT COUNT(*) FROM nyc.weather) AS readings
