"""INFORMATION_SCHEMA.JOBS lists what ran, through Google's client, also after a restart."""
import uuid

import pytest
from bigquery_client import client_of, new_dataset, rows_of
from google.api_core import exceptions
from google.cloud import bigquery
from instance import wait_until

VIEW = "`region-us`.INFORMATION_SCHEMA.JOBS"


@pytest.fixture
def client(shared):
    return client_of(shared)


def found(client, job_id, columns="*"):
    """The job's row, once its record is there."""
    sql = f"SELECT {columns} FROM {VIEW} WHERE job_id = '{job_id}' AND state = 'DONE'"
    rows = wait_until(lambda: list(client.query_and_wait(sql)), 20, "the job's record")
    assert len(rows) == 1
    return rows[0]


def test_a_query_is_listed_with_what_it_did(client):
    dataset = new_dataset(client)
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    config = bigquery.QueryJobConfig(labels={"team": "blue", "k": "v"}, destination=f"{client.project}.{dataset}.copied")
    job = client.query(f"SELECT a, 'it\\'s' AS b FROM {dataset}.t", job_config=config,
                       job_id=f"listed-{uuid.uuid4().hex}")
    job.result()
    row = found(client, job.job_id)
    assert (row.project_id, row.job_type, row.statement_type, row.state) == (client.project, "QUERY", "SELECT", "DONE")
    assert row.query == f"SELECT a, 'it\\'s' AS b FROM {dataset}.t" and row.priority == "INTERACTIVE"
    assert row.creation_time == job.created and row.start_time == job.started and row.end_time == job.ended
    assert row.error_result is None and row.cache_hit is False and row.total_bytes_processed == 0
    assert row.destination_table == {"project_id": client.project, "dataset_id": dataset, "table_id": "copied"}
    assert row.referenced_tables == [{"project_id": client.project, "dataset_id": dataset, "table_id": "t"}]
    assert sorted(row.labels, key=lambda each: each["key"]) == [{"key": "k", "value": "v"}, {"key": "team", "value": "blue"}]


def test_a_failed_job_has_its_reason_and_dml_its_type(client):
    dataset = new_dataset(client)
    with pytest.raises(exceptions.NotFound):
        failed = client.query(f"SELECT * FROM {dataset}.nothing")
        failed.result()
    error = found(client, failed.job_id).error_result
    assert error["reason"] == "notFound" and "nothing" in error["message"] and error["debug_info"] is None
    client.query_and_wait(f"CREATE TABLE {dataset}.t AS SELECT 1 AS a")
    deleted = client.query(f"DELETE FROM {dataset}.t WHERE TRUE")
    deleted.result()
    assert found(client, deleted.job_id, "statement_type").statement_type == "DELETE"
    counts = rows_of(client.query_and_wait(
        f"SELECT statement_type, COUNT(*) AS n FROM {VIEW} WHERE creation_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), "
        f"INTERVAL 1 DAY) AND query LIKE '%{dataset}.t %' GROUP BY 1 ORDER BY 1"))
    assert ("DELETE", 1) in counts and ("CREATE_TABLE_AS_SELECT", 1) in counts


def test_other_views_of_jobs_are_refused_by_name(client):
    with pytest.raises(Exception, match="JOBS_BY_ORGANIZATION"):
        client.query_and_wait("SELECT 1 FROM `region-us`.INFORMATION_SCHEMA.JOBS_BY_ORGANIZATION")


def test_jobs_survive_a_restart_in_the_view(launch):
    instance = launch()
    client = client_of(instance)
    job = client.query("SELECT 42 AS answer")
    job.result()
    assert found(client, job.job_id).query == "SELECT 42 AS answer"
    instance.restart()
    assert found(client_of(instance), job.job_id, "query").query == "SELECT 42 AS answer"
