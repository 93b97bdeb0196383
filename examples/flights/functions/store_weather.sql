-- A message is a line of weather.csv: a JSON object of texts, with NA for what was not measured.
SELECT
  JSON_VALUE(data, '$.origin') AS origin,
  CAST(JSON_VALUE(data, '$.time_hour') AS TIMESTAMP) AS time_hour,
  CAST(NULLIF(JSON_VALUE(data, '$.temp'), 'NA') AS FLOAT64) AS temp,
  CAST(NULLIF(JSON_VALUE(data, '$.dewp'), 'NA') AS FLOAT64) AS dewp,
  CAST(NULLIF(JSON_VALUE(data, '$.humid'), 'NA') AS FLOAT64) AS humid,
  CAST(NULLIF(JSON_VALUE(data, '$.wind_dir'), 'NA') AS INT64) AS wind_dir,
  CAST(NULLIF(JSON_VALUE(data, '$.wind_speed'), 'NA') AS FLOAT64) AS wind_speed,
  CAST(NULLIF(JSON_VALUE(data, '$.wind_gust'), 'NA') AS FLOAT64) AS wind_gust,
  CAST(NULLIF(JSON_VALUE(data, '$.precip'), 'NA') AS FLOAT64) AS precip,
  CAST(NULLIF(JSON_VALUE(data, '$.pressure'), 'NA') AS FLOAT64) AS pressure,
  CAST(NULLIF(JSON_VALUE(data, '$.visib'), 'NA') AS FLOAT64) AS visib
FROM messages
