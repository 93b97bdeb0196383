"""X-Data-Freshness: when the newest message was published that the answer's tables have."""
import datetime
import json

from instance import run_afluente

SPEC = """\
project: test-project
topics: {Data: {}, Other: {}}
datasets:
  ds:
    tables:
      t: {schema: [{name: n, type: INT64}]}
      u: {schema: [{name: n, type: INT64}]}
      unfed: {schema: [{name: n, type: INT64}]}
functions:
  store: {topic: Data, table: ds.t}
  other: {topic: Other, table: ds.u}
endpoints:
  "/rows": {sql: rows.sql}
  "/both": {sql: both.sql}
  "/unfed": {sql: unfed.sql}
  "/cached": {sql: rows.sql, cache: 60s}
"""
FILES = {"rows.sql": "SELECT n FROM ds.t ORDER BY n", "unfed.sql": "SELECT n FROM ds.unfed",
         "both.sql": "SELECT t.n FROM ds.t AS t CROSS JOIN ds.u AS u"}


def publish(instance, topic, *rows):
    run_afluente("publish", topic, "--data-dir", instance.data_dir, stdin="".join(json.dumps(row) + "\n" for row in rows))
    run_afluente("drain", "--data-dir", instance.data_dir)
    lines = run_afluente("peek", topic, "--data-dir", instance.data_dir, "--limit", "100").stdout.splitlines()
    message = json.loads(lines[-1])
    return moment(message.get("publish_time") or message["publishTime"])


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def fresh(instance, path, **headers):
    answer = instance.get(path, headers=headers)
    assert answer.status_code in (200, 304)
    text = answer.headers.get("X-Data-Freshness")
    return moment(text) if text else None


def test_it_is_the_newest_committed_messages_time(launch):
    instance = launch(SPEC, FILES)
    assert fresh(instance, "/rows") is None and fresh(instance, "/unfed") is None
    first = publish(instance, "Data", {"n": 1})
    assert fresh(instance, "/rows") == first
    assert fresh(instance, "/unfed") is None
    newest = publish(instance, "Data", {"n": 2}, {"n": 3})
    assert newest > first and fresh(instance, "/rows") == newest
    tag = instance.get("/rows").headers["ETag"]
    assert fresh(instance, "/rows", **{"If-None-Match": tag}) == newest
    # Of two tables the one that is further behind.
    later = publish(instance, "Other", {"n": 1})
    assert later > newest and fresh(instance, "/both") == newest
    # A kept answer keeps its own.
    assert fresh(instance, "/cached") == newest
    after = publish(instance, "Data", {"n": 4})
    assert fresh(instance, "/cached") == newest and fresh(instance, "/rows") == after
    # It is known again after a restart, without a new message.
    instance.restart()
    assert fresh(instance, "/rows") == after
    instance.terminate()
