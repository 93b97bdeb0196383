-- A message is a line of flights.csv: a JSON object of texts. The data set writes a missing value
-- as NA; any other text that is no number is an error, so the message becomes a dead letter.
SELECT
  DATE(
    CAST(JSON_VALUE(data, '$.year') AS INT64),
    CAST(JSON_VALUE(data, '$.month') AS INT64),
    CAST(JSON_VALUE(data, '$.day') AS INT64)) AS flight_date,
  CAST(JSON_VALUE(data, '$.time_hour') AS TIMESTAMP) AS time_hour,
  JSON_VALUE(data, '$.carrier') AS carrier,
  CAST(JSON_VALUE(data, '$.flight') AS INT64) AS flight,
  NULLIF(JSON_VALUE(data, '$.tailnum'), 'NA') AS tailnum,
  JSON_VALUE(data, '$.origin') AS origin,
  JSON_VALUE(data, '$.dest') AS dest,
  CAST(JSON_VALUE(data, '$.sched_dep_time') AS INT64) AS sched_dep_time,
  CAST(NULLIF(JSON_VALUE(data, '$.dep_time'), 'NA') AS INT64) AS dep_time,
  CAST(NULLIF(JSON_VALUE(data, '$.dep_delay'), 'NA') AS INT64) AS dep_delay,
  CAST(JSON_VALUE(data, '$.sched_arr_time') AS INT64) AS sched_arr_time,
  CAST(NULLIF(JSON_VALUE(data, '$.arr_time'), 'NA') AS INT64) AS arr_time,
  CAST(NULLIF(JSON_VALUE(data, '$.arr_delay'), 'NA') AS INT64) AS arr_delay,
  CAST(NULLIF(JSON_VALUE(data, '$.air_time'), 'NA') AS INT64) AS air_time,
  CAST(JSON_VALUE(data, '$.distance') AS INT64) AS distance
FROM messages
