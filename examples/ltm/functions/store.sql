-- CURRENT_DATE is the day on which the message was published, also when it is stored later.
SELECT
  CAST(JSON_VALUE(data, '$.app_id') AS INT64) AS app_id,
  JSON_VALUE(data, '$.app_department') AS app_department,
  CAST(JSON_VALUE(data, '$.action_id') AS INT64) AS action_id,
  CAST(JSON_VALUE(data, '$.department_id') AS INT64) AS department_id,
  JSON_VALUE(data, '$.user_email') AS user_email,
  CURRENT_DATE() AS date
FROM messages
