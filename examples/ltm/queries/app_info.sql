SELECT app_id, app_department, action_id, department_id, user_email, date
FROM enterprise_app_dataset.latest_table
WHERE app_id = @app_id AND app_department = @app_department
ORDER BY date DESC, action_id, user_email
LIMIT 1000
