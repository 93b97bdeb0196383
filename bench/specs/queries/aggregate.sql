SELECT COUNT(*) AS actions, COUNT(DISTINCT user_email) AS users, MAX(ts) AS latest
FROM ds.events
WHERE app_id = @app_id
