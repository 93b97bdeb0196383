SELECT app_id, app_department, action_id, department_id, user_email, date
FROM enterprise_app_dataset.latest_table
WHERE action_id = @action_id AND user_email = @user_email
ORDER BY date DESC, app_id, app_department
LIMIT 1000
