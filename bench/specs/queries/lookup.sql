SELECT app_id, app_department, action_id, department_id, user_email, ts
FROM ds.events
WHERE action_id = @action_id AND user_email = @user_email
