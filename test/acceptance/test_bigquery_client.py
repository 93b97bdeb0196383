"""google-cloud-bigquery for Python and pandas-gbq, unmodified, against the BigQuery door."""
import datetime
import decimal
import io
import json

import fastavro
import pandas
import pandas_gbq
import pytest
from bigquery_client import client_of, new_dataset, rows_of
from google.api_core import exceptions
from google.cloud import bigquery

UTC = datetime.timezone.utc


@pytest.fixture(scope="module")
def client(shared):
    return client_of(shared)


@pytest.fixture
def dataset(client):
    return new_dataset(client)


def test_scalars_come_back_as_python_values(client):
    row = next(iter(client.query("""
        SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'é"' AS s, b'\\x00\\xff' AS y, NUMERIC '1.25' AS n,
          DATE '2024-02-29' AS d, TIME '12:34:56.789' AS t, DATETIME '2024-02-29T01:02:03' AS dt,
          TIMESTAMP '2024-02-29 01:02:03.456789+00' AS ts, JSON '{"a":[1]}' AS j, CAST(NULL AS STRING) AS z,
          [1, 2] AS a, STRUCT(1 AS x, ['p'] AS y) AS st, -9223372036854775808 AS low""").result()))
    assert dict(row.items()) == {
        "i": 1, "f": 1.5, "b": True, "s": 'é"', "y": b"\x00\xff", "n": decimal.Decimal("1.25"),
        "d": datetime.date(2024, 2, 29), "t": datetime.time(12, 34, 56, 789000),
        "dt": datetime.datetime(2024, 2, 29, 1, 2, 3),
        "ts": datetime.datetime(2024, 2, 29, 1, 2, 3, 456789, tzinfo=UTC), "j": {"a": [1]}, "z": None,
        "a": [1, 2], "st": {"x": 1, "y": ["p"]}, "low": -(1 << 63)}


def test_query_and_wait_and_pages(client):
    assert rows_of(client.query_and_wait("SELECT 1 AS one")) == [(1,)]
    result = client.query("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n ORDER BY n").result(page_size=7000)
    assert result.total_rows == 25000
    pages = [[row.n for row in page] for page in result.pages]
    assert [len(page) for page in pages] == [7000, 7000, 7000, 4000]
    assert sum(pages, []) == list(range(1, 25001))


def test_parameters(client):
    named = bigquery.QueryJobConfig(query_parameters=[
        bigquery.ScalarQueryParameter("i", "INT64", 7),
        bigquery.ScalarQueryParameter("t", "TIMESTAMP", datetime.datetime(2024, 1, 1, tzinfo=UTC)),
        bigquery.ScalarQueryParameter("n", "STRING", None),
        bigquery.ArrayQueryParameter("a", "STRING", ["x", "y'; DROP"]),
        bigquery.StructQueryParameter("s", bigquery.ScalarQueryParameter("p", "INT64", 1),
                                      bigquery.ArrayQueryParameter("q", "FLOAT64", [0.5]))])
    row = next(iter(client.query("SELECT @i AS i, @t AS t, @n AS n, @a AS a, @s.p AS p, @s.q AS q",
                                 job_config=named).result()))
    assert tuple(row.values()) == (7, datetime.datetime(2024, 1, 1, tzinfo=UTC), None, ["x", "y'; DROP"], 1, [0.5])
    positional = bigquery.QueryJobConfig(query_parameters=[
        bigquery.ScalarQueryParameter(None, "STRING", "?"), bigquery.ScalarQueryParameter(None, "INT64", 2)])
    assert rows_of(client.query("SELECT ? AS a, '?' AS b, ? AS c", job_config=positional).result()) == [("?", "?", 2)]


def test_bad_queries_have_googles_reasons(client, dataset):
    with pytest.raises(exceptions.BadRequest) as caught:
        client.query("SELEC 1").result()
    assert caught.value.errors[0]["reason"] == "invalidQuery" and "[1:1]" in caught.value.message
    with pytest.raises(exceptions.NotFound):
        client.query(f"SELECT * FROM {dataset}.nothing").result()
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.nothing")
    with pytest.raises(exceptions.Conflict):
        client.create_dataset(dataset)
    with pytest.raises(exceptions.GoogleAPICallError, match="Legacy SQL"):
        client.query("SELECT 1", job_config=bigquery.QueryJobConfig(use_legacy_sql=True)).result()


def test_dml_ddl_and_dry_run(client, dataset):
    job = client.query(f"CREATE TABLE {dataset}.t (id INT64, name STRING)")
    job.result()
    assert (job.statement_type, job.ddl_operation_performed) == ("CREATE_TABLE", "CREATE")
    assert job.ddl_target_table.table_id == "t"
    insert = client.query(f"INSERT INTO {dataset}.t (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    insert.result()
    assert insert.num_dml_affected_rows == 3 and insert.dml_stats.inserted_row_count == 3
    assert client.query(f"UPDATE {dataset}.t SET name = 'z' WHERE id > 1").result().num_dml_affected_rows == 2
    dry = client.query(f"SELECT * FROM {dataset}.t", job_config=bigquery.QueryJobConfig(dry_run=True))
    assert dry.total_bytes_processed == 3 * (8 + 3) and [f.name for f in dry.schema] == ["id", "name"]
    assert rows_of(client.query(f"SELECT name FROM {dataset}.t ORDER BY id").result()) == [("a",), ("z",), ("z",)]


def test_destination_tables(client, dataset):
    target = f"{client.project}.{dataset}.copy"

    def run(sql, **options):
        return client.query(sql, job_config=bigquery.QueryJobConfig(destination=target, **options)).result()

    assert rows_of(run("SELECT 1 AS a")) == [(1,)]
    with pytest.raises(exceptions.Conflict):
        run("SELECT 2 AS a")
    run("SELECT 2 AS a", write_disposition="WRITE_APPEND")
    with pytest.raises(exceptions.BadRequest, match="Cannot add fields"):
        run("SELECT 3 AS a, 'x' AS b", write_disposition="WRITE_APPEND")
    run("SELECT 3 AS a, 'x' AS b", write_disposition="WRITE_APPEND", schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert sorted(rows_of(client.list_rows(target)), key=str) == [(1, None), (2, None), (3, "x")]
    run("SELECT 'new' AS only", write_disposition="WRITE_TRUNCATE")
    assert rows_of(client.list_rows(target)) == [("new",)]
    copied = client.copy_table(target, f"{dataset}.copy2")
    copied.result()
    assert rows_of(client.list_rows(f"{dataset}.copy2")) == [("new",)]


def test_tables_and_views(client, dataset):
    table = bigquery.Table(f"{client.project}.{dataset}.events", schema=[
        bigquery.SchemaField("id", "INTEGER", mode="REQUIRED", description="the key"),
        bigquery.SchemaField("day", "DATE"),
        bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
        bigquery.SchemaField("point", "RECORD", fields=[bigquery.SchemaField("x", "FLOAT"),
                                                        bigquery.SchemaField("ys", "INTEGER", mode="REPEATED")])])
    table.time_partitioning = bigquery.TimePartitioning(field="day")
    table.clustering_fields = ["id"]
    table.labels = {"team": "a"}
    table.description = "events"
    made = client.create_table(table)
    assert made.schema == table.schema and made.clustering_fields == ["id"] and made.labels == {"team": "a"}
    assert made.time_partitioning.field == "day" and made.num_rows == 0 and made.created is not None
    with pytest.raises(exceptions.Conflict):
        client.create_table(table)
    assert client.create_table(table, exists_ok=True).etag == made.etag
    made.description = "changed"
    made.labels = {"team": None, "other": "b"}
    made.schema = [*made.schema, bigquery.SchemaField("more", "STRING")]
    changed = client.update_table(made, ["description", "labels", "schema"])
    assert (changed.description, changed.labels, changed.schema[-1].name) == ("changed", {"other": "b"}, "more")
    stale = client.get_table(table)
    client.update_table(changed, ["description"])
    client.query(f"INSERT INTO {dataset}.events (id) VALUES (1)").result()
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_table(stale, ["description"])
    view = bigquery.Table(f"{client.project}.{dataset}.v")
    view.view_query = f"SELECT id FROM `{client.project}.{dataset}.events`"
    client.create_table(view)
    found = client.get_table(view)
    assert found.table_type == "VIEW" and found.view_query == view.view_query
    assert rows_of(client.query(f"SELECT * FROM {dataset}.v").result()) == [(1,)]
    found.view_query = f"SELECT id + 1 AS id FROM `{client.project}.{dataset}.events`"
    client.update_table(found, ["view_query"])
    assert rows_of(client.query(f"SELECT * FROM {dataset}.v").result()) == [(2,)]
    assert [t.table_id for t in client.list_tables(dataset)] == ["events", "v"]
    client.delete_table(view)
    with pytest.raises(exceptions.BadRequest):
        client.delete_dataset(dataset)
    client.delete_dataset(dataset, delete_contents=True)
    assert dataset not in [d.dataset_id for d in client.list_datasets()]


def test_dataset_properties(client, dataset):
    found = client.get_dataset(dataset)
    found.description, found.friendly_name, found.labels = "text", "name", {"k": "v"}
    client.update_dataset(found, ["description", "friendly_name", "labels"])
    again = client.get_dataset(dataset)
    assert (again.description, again.friendly_name, again.labels) == ("text", "name", {"k": "v"})
    assert again.location == "US" and again.modified is not None


def test_insert_rows(client, dataset):
    client.query(f"CREATE TABLE {dataset}.t (id INT64 NOT NULL, `at` TIMESTAMP, tags ARRAY<STRING>)").result()
    table = client.get_table(f"{dataset}.t")
    rows = [{"id": i, "at": "2024-01-01T00:00:00Z", "tags": ["x"]} for i in range(3)]
    assert client.insert_rows_json(table, rows, row_ids=["a", "b", "c"]) == []
    assert client.insert_rows_json(table, rows, row_ids=["a", "b", "d"]) == []
    assert client.insert_rows(table, [(9, datetime.datetime(2024, 1, 2, tzinfo=UTC), [])]) == []
    ids = [row[0] for row in rows_of(client.list_rows(table))]
    assert sorted(ids) == [0, 1, 2, 2, 9]
    errors = client.insert_rows_json(table, [{"id": 5}, {"id": "no"}, {"id": 6, "nope": 1}])
    assert [(e["index"], e["errors"][0]["reason"], e["errors"][0]["location"]) for e in errors] == [
        (0, "stopped", ""), (1, "invalid", "id"), (2, "invalid", "nope")]
    errors = client.insert_rows_json(table, [{"id": 5}, {"id": "no"}], skip_invalid_rows=True)
    assert [e["index"] for e in errors] == [1]
    assert client.insert_rows_json(table, [{"id": 7, "nope": 1}], ignore_unknown_values=True) == []
    assert sorted(row[0] for row in rows_of(client.list_rows(table))) == [0, 1, 2, 2, 5, 7, 9]
    assert client.get_table(table).num_rows == 7


def test_load_json_csv_avro_parquet(client, dataset):
    rows = [{"id": 1, "name": "a", "point": {"x": 1.5}, "tags": ["p", "q"]}, {"id": 2, "name": None}]
    job = client.load_table_from_json(rows, f"{dataset}.j")
    job.result()
    assert job.output_rows == 2
    assert rows_of(client.query(f"SELECT id, name, point.x, ARRAY_LENGTH(tags) AS n FROM {dataset}.j ORDER BY id").result()) == [
        (1, "a", 1.5, 2), (2, None, None, 0)]
    csv = b'id;name;day\n1;"x;""y""";2024-01-01\n2;;2024-01-02\n'
    config = bigquery.LoadJobConfig(source_format="CSV", field_delimiter=";", autodetect=True)
    client.load_table_from_file(io.BytesIO(csv), f"{dataset}.c", job_config=config).result()
    assert rows_of(client.list_rows(f"{dataset}.c")) == [
        (1, 'x;"y"', datetime.date(2024, 1, 1)), (2, None, datetime.date(2024, 1, 2))]
    out = io.BytesIO()
    schema = {"type": "record", "name": "r", "fields": [
        {"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}}]}
    moment = datetime.datetime(2024, 1, 1, tzinfo=UTC)
    fastavro.writer(out, schema, [{"id": i, "name": None if i % 2 else "n", "at": moment, "tags": ["t"] * i}
                                  for i in range(100)], codec="deflate")
    config = bigquery.LoadJobConfig(source_format="AVRO", use_avro_logical_types=True)
    client.load_table_from_file(io.BytesIO(out.getvalue()), f"{dataset}.a", job_config=config).result()
    got = rows_of(client.list_rows(f"{dataset}.a"))
    assert len(got) == 100 and got[2] == (2, "n", moment, ["t", "t"])
    frame = pandas.DataFrame({"id": [1, 2], "name": ["a", None], "at": pandas.to_datetime(["2024-01-01", None], utc=True)})
    client.load_table_from_dataframe(frame, f"{dataset}.p").result()
    assert rows_of(client.list_rows(f"{dataset}.p")) == [(1, "a", moment), (2, None, None)]


def test_bad_loads(client, dataset):
    client.query(f"CREATE TABLE {dataset}.t (id INT64)").result()
    bad = io.BytesIO(b'{"id": 1}\n{"id": "x"}\n')
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")
    with pytest.raises(exceptions.BadRequest, match="line_number: 2"):
        client.load_table_from_file(bad, f"{dataset}.t", job_config=config).result()
    assert rows_of(client.list_rows(f"{dataset}.t")) == []
    config.max_bad_records = 1
    bad.seek(0)
    client.load_table_from_file(bad, f"{dataset}.t", job_config=config).result()
    assert rows_of(client.list_rows(f"{dataset}.t")) == [(1,)]
    with pytest.raises(exceptions.GoogleAPICallError, match="gs://bucket"):
        client.load_table_from_uri("gs://bucket/file", f"{dataset}.t").result()
    with pytest.raises(exceptions.GoogleAPICallError, match="ORC"):
        client.load_table_from_file(io.BytesIO(b"ORC"), f"{dataset}.t",
                                    job_config=bigquery.LoadJobConfig(source_format="ORC")).result()
    with pytest.raises(exceptions.GoogleAPICallError, match="extract"):
        client.extract_table(f"{dataset}.t", "gs://bucket/out").result()


def test_a_large_load_comes_in_parts(client, dataset):
    rows = 120_000
    text = "".join(json.dumps({"id": i, "text": "y" * 80}) + "\n" for i in range(rows)).encode()
    assert len(text) > 11 << 20  # more than one part of the client's resumable upload
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", autodetect=True)
    job = client.load_table_from_file(io.BytesIO(text), f"{dataset}.big", job_config=config)
    job.result()
    assert job.output_rows == rows
    assert rows_of(client.query(f"SELECT COUNT(*) AS n, SUM(id) AS s FROM {dataset}.big").result()) == [
        (rows, rows * (rows - 1) // 2)]


def test_jobs(client):
    job = client.query("SELECT 1 AS a", job_id_prefix="mine_", job_config=bigquery.QueryJobConfig(labels={"l": "v"}))
    job.result()
    found = client.get_job(job.job_id, location=job.location)
    assert found.state == "DONE" and found.labels == {"l": "v"} and found.query == "SELECT 1 AS a"
    assert job.job_id in [j.job_id for j in client.list_jobs(max_results=20)]
    with pytest.raises(exceptions.Conflict):
        client.query("SELECT 1 AS a", job_id=job.job_id, job_retry=None, retry=None)
    client.delete_job_metadata(job.job_id, location=job.location)
    with pytest.raises(exceptions.NotFound):
        client.get_job(job.job_id)


def test_to_dataframe(client):
    frame = client.query("SELECT n, CONCAT('s', CAST(n AS STRING)) AS s FROM UNNEST([1, 2, 3]) AS n ORDER BY n").to_dataframe(
        create_bqstorage_client=False)
    assert frame.to_dict("list") == {"n": [1, 2, 3], "s": ["s1", "s2", "s3"]}


def test_pandas_gbq(client, dataset, shared, monkeypatch):
    # It makes clients of its own for tables.
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", shared.doors["bigquery"])
    frame = pandas.DataFrame({"id": [1, 2, 3], "name": ["a", "b", None], "score": [0.5, 1.5, 2.5]})
    options = {"project_id": client.project, "bigquery_client": client}
    pandas_gbq.to_gbq(frame, f"{dataset}.f", if_exists="fail", **options)
    pandas_gbq.to_gbq(frame, f"{dataset}.f", if_exists="append", **options)
    read = pandas_gbq.read_gbq(f"SELECT id, COUNT(*) AS n FROM {dataset}.f GROUP BY id ORDER BY id", dialect="standard",
                               use_bqstorage_api=False, **options)
    assert read.to_dict("list") == {"id": [1, 2, 3], "n": [2, 2, 2]}
