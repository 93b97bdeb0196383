"""The peer of the API: FastAPI over the same rows in DuckDB, as its documentation would have it. Run by uvicorn."""
import os
import threading

import duckdb
from fastapi import FastAPI

app = FastAPI()
connection = duckdb.connect(os.environ["BENCH_DATABASE"], read_only=True)
cursors = threading.local()


@app.get("/lookup")
def lookup(action_id: str, user_email: str):
    if not hasattr(cursors, "cursor"):
        cursors.cursor = connection.cursor()
    cursor = cursors.cursor.execute(
        "SELECT app_id, app_department, action_id, department_id, user_email, ts FROM events "
        "WHERE action_id = ? AND user_email = ?", [action_id, user_email])
    names = [column[0] for column in cursor.description]
    return {"rows": [dict(zip(names, row)) for row in cursor.fetchall()]}
