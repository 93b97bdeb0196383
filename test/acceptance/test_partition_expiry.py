"""Partitions and tables go when their time has come, by the instance's own clock; what is counted still balances."""
import datetime
import json

import pytest
from bigquery_client import Rest, client_of
from google.cloud import bigquery
from pipeline import message, publish

SPEC = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      fed:
        schema: [{name: id, type: INT64}, {name: day, type: DATE}]
        time_partitioning: {type: DAY, field: day}
functions:
  store: {topic: Data, table: ds.fed}
"""


@pytest.fixture
def instance(launch):
    return launch(SPEC, {}, flags=["--testing"])


def advance(instance, duration):
    instance.run("testing", "clock", "--advance", duration)


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=offset)).isoformat()


def test_rows_of_expired_partitions_go_and_the_balance_stays(instance):
    publish(instance, [message(json.dumps({"id": i, "day": day(i)})) for i in range(-3, 3)] + [message('{"id": 9}')])
    instance.drain()
    instance.query("ALTER TABLE ds.fed SET OPTIONS (partition_expiration_days = 2)")
    version = Rest(instance)("GET", "/datasets/ds/tables/fed").json()["etag"]
    advance(instance, "1s")
    # A partition of day d expires two days after d begins.
    assert sorted(r["id"] for r in instance.query("SELECT id FROM ds.fed")) == [-1, 0, 1, 2, 9]
    changed = Rest(instance)("GET", "/datasets/ds/tables/fed").json()["etag"]
    assert changed != version
    advance(instance, "1s")
    assert Rest(instance)("GET", "/datasets/ds/tables/fed").json()["etag"] == changed, "nothing expired, nothing changed"
    advance(instance, "48h")
    assert sorted(r["id"] for r in instance.query("SELECT id FROM ds.fed")) == [1, 2, 9], "NULL has no partition"
    assert instance.outcome("store") == (7, 7, 0, 0)
    instance.query("ALTER TABLE ds.fed SET OPTIONS (partition_expiration_days = NULL)")
    advance(instance, "2000h")
    assert instance.value("SELECT COUNT(*) FROM ds.fed") == 3


def test_each_unit_and_type_by_sql(instance):
    for name, column, layout, old, new in (
            ("hours", "t TIMESTAMP", "TIMESTAMP_TRUNC(t, HOUR)", "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 3 HOUR)",
             "CURRENT_TIMESTAMP()"),
            ("times", "t DATETIME", "DATETIME_TRUNC(t, DAY)", "DATETIME_SUB(CURRENT_DATETIME(), INTERVAL 3 DAY)",
             "DATETIME_ADD(CURRENT_DATETIME(), INTERVAL 1 DAY)"),
            ("months", "t DATE", "DATE_TRUNC(t, MONTH)", "DATE_SUB(CURRENT_DATE(), INTERVAL 3 MONTH)",
             "DATE_ADD(CURRENT_DATE(), INTERVAL 2 MONTH)")):
        instance.query(f"CREATE TABLE ds.{name} ({column}) PARTITION BY {layout} "
                       "OPTIONS (partition_expiration_days = 0.0625, require_partition_filter = TRUE)")
        instance.query(f"INSERT INTO ds.{name} (t) VALUES ({old}), ({new})")
        advance(instance, "1s")
        assert instance.value(f"SELECT COUNT(*) FROM ds.{name} WHERE t IS NOT NULL") == 1, name
    option = instance.query("SELECT option_name, option_value FROM ds.INFORMATION_SCHEMA.TABLE_OPTIONS "
                            "WHERE table_name = 'hours' ORDER BY 1")
    assert option[0] == {"option_name": "partition_expiration_days", "option_value": "0.0625"}


def test_by_ingestion_through_googles_client_and_over_a_restart(instance):
    client = client_of(instance)
    table = bigquery.Table("test-project.ds.days", [bigquery.SchemaField("id", "INT64")])
    table.time_partitioning = bigquery.TimePartitioning(expiration_ms=3 * 86_400_000)
    client.create_table(table)
    client.query_and_wait("INSERT INTO ds.days (id) VALUES (1)")
    instance.restart()
    client = client_of(instance)
    assert client.get_table("ds.days").time_partitioning.expiration_ms == 3 * 86_400_000
    instance.kill()
    instance.start("--testing")
    advance(instance, "30h")
    assert instance.value("SELECT COUNT(*) FROM ds.days") == 1
    advance(instance, "50h")
    assert instance.value("SELECT COUNT(*) FROM ds.days") == 0


def test_a_table_goes_at_its_expiration_time(instance):
    client = client_of(instance)
    table = bigquery.Table("test-project.ds.brief", [bigquery.SchemaField("id", "INT64")])
    table.expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    client.create_table(table)
    advance(instance, "1h")
    client.get_table("ds.brief")
    advance(instance, "90m")
    assert Rest(instance)("GET", "/datasets/ds/tables/brief").status_code == 404


@pytest.mark.parametrize("layout, option, said", [
    ("", "1", "only allowed for tables partitioned by time"),
    ("PARTITION BY day", "0", "takes a positive number"),
    ("PARTITION BY day", "'x'", "takes a positive number"),
    ("PARTITION BY RANGE_BUCKET(id, GENERATE_ARRAY(0, 10, 1))", "1", "only allowed for tables partitioned by time"),
])
def test_what_has_no_time_is_refused(shared, layout, option, said):
    answer = shared.run("query", f"CREATE TABLE ds.wrong (id INT64, day DATE) {layout} OPTIONS "
                                 f"(partition_expiration_days = {option})", code=1)
    assert said in answer.stderr
