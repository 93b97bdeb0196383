"""What operators do with a function: dead letters, replays, dry runs, and a balance that finds what is wrong."""
import base64
import gzip
import json
import threading

import pyarrow
import pytest
import requests
from instance import wait_until
from pipeline import event, message, publish
from pyarrow import parquet
from test_function_http import Scripted, spec as http_spec

SPEC = """\
project: test-project
topics: {Data: {message_retention_duration: 604800s}, Data-dead: {}}
subscriptions:
  dead: {topic: Data-dead, ack_deadline_seconds: 60}
datasets:
  ds:
    tables:
      lines:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: sku, type: STRING}
          - {name: price, type: NUMERIC}
functions:
  store:
    topic: Data
    table: ds.lines
    transform: {sql: lines.sql}
    dead_letter_policy: {topic: Data-dead}
"""
SQL = """\
SELECT CAST(JSON_VALUE(data, '$.id') AS INT64) AS id, sku, NUMERIC '1.5' AS price
FROM messages, UNNEST(JSON_VALUE_ARRAY(data, '$.skus')) AS sku
"""
CHANGED = """\
SELECT CAST(JSON_VALUE(data, '$.id') AS INT64) + 100 AS id, CONCAT('new ', sku) AS sku, NUMERIC '2' AS price
FROM messages, UNNEST(JSON_VALUE_ARRAY(data, '$.skus')) AS sku WHERE sku != 'b'
"""
FILES = {"lines.sql": SQL}


def run_json(instance, *command, code=0):
    return json.loads(instance.run(*command, "--json", code=code).stdout)


def sides(instance):
    line = instance.balance("store")
    return tuple(line[side] for side in ("published", "stored", "dropped", "dead_lettered", "pending", "rows"))


def change_sql(instance, sql):
    instance.terminate()
    (instance.directory / "lines.sql").write_text(sql)
    instance.start()


def test_dead_letters_are_listed_shown_retried_and_exported(launch, tmp_path):
    instance = launch(SPEC, FILES)
    ids = publish(instance, [event(id=1, skus=["a"]), message(event(id="x", skus=["b"]), kind="odd"),
                             event(id="y", skus=["c"]), "not json", event(id="z", skus=["d"])])
    assert instance.outcome("store") == (5, 1, 0, 4)
    listed = run_json(instance, "dead-letters", "list", "store")["dead_letters"]
    assert [letter["message_id"] for letter in listed] == sorted(ids[1:])
    named = run_json(instance, "dead-letters", "list", "store", "--error", listed[0]["error"][:20])["dead_letters"]
    assert ids[1] in {letter["message_id"] for letter in named}
    shown = run_json(instance, "dead-letters", "show", "store", ids[1])
    assert base64.b64decode(shown["data"]) == event(id="x", skus=["b"]).encode()
    assert shown["attributes"] == {"kind": "odd"} and shown["state"] == "dead" and shown["attempts"] == 1
    assert "odd" in instance.run("dead-letters", "show", "store", ids[1]).stdout

    # As it is, it fails again and stays dead, with two attempts.
    again = run_json(instance, "dead-letters", "retry", "store", ids[1], code=1)["outcomes"]
    assert [(o["id"], o["outcome"]) for o in again] == [(ids[1], "dead")]
    assert run_json(instance, "dead-letters", "show", "store", ids[1])["attempts"] == 2
    assert sides(instance) == (5, 1, 0, 4, 0, 1)
    # With its data mended it is stored, under its own id.
    mended = tmp_path / "mended.json"
    mended.write_text(event(id=7, skus=["b", "bb"]))
    fixed = run_json(instance, "dead-letters", "retry", "store", ids[1], "--data", mended)["outcomes"]
    assert fixed == [{"id": ids[1], "outcome": "stored", "rows": 2, "error": ""}]
    assert sides(instance) == (5, 2, 0, 3, 0, 3)
    rows = instance.query(f"SELECT id, sku FROM ds.lines WHERE _message_id = '{ids[1]}' ORDER BY sku")
    assert [(r["id"], r["sku"]) for r in rows] == [(7, "b"), (7, "bb")]
    states = {r["state"] for r in instance.query(f"SELECT state FROM ds.dead_letters WHERE message_id = '{ids[1]}'")}
    assert states == {"retried"}
    assert "no dead letter" in instance.run("dead-letters", "retry", "store", ids[1], code=1).stderr

    # After the function is mended all the others go.
    change_sql(instance, SQL.replace("CAST(JSON_VALUE(data, '$.id') AS INT64)",
                                     "COALESCE(SAFE_CAST(JSON_VALUE(data, '$.id') AS INT64), -1)"))
    outcomes = run_json(instance, "dead-letters", "retry", "store", "--all", code=1)["outcomes"]
    assert {o["id"]: o["outcome"] for o in outcomes} == {ids[2]: "stored", ids[3]: "dead", ids[4]: "stored"}
    assert sides(instance) == (5, 4, 0, 1, 0, 5)
    exported = [json.loads(line) for line in instance.run("dead-letters", "export", "store").stdout.splitlines()]
    assert [letter["message_id"] for letter in exported] == [ids[3]]
    assert run_json(instance, "dead-letters", "list", "store")["dead_letters"] == []
    assert len(run_json(instance, "dead-letters", "list", "store", "--state", "exported")["dead_letters"]) == 1
    assert sides(instance) == (5, 4, 0, 1, 0, 5)
    instance.restart()
    assert sides(instance) == (5, 4, 0, 1, 0, 5)


def test_replay_replaces_rows_also_when_there_are_fewer(launch):
    instance = launch(SPEC, FILES)
    batch = [event(id=k, skus=["a", "b", "c"]) for k in range(50)] + [event(id=50, skus=["b"]), event(id="x", skus=["a"])]
    ids = publish(instance, batch)
    assert instance.outcome("store") == (52, 51, 0, 1)
    changed = CHANGED.replace("CAST(", "SAFE_CAST(").replace("+ 100", "+ 100")
    change_sql(instance, changed.replace("SAFE_CAST(JSON_VALUE(data, '$.id') AS INT64)",
                                         "COALESCE(SAFE_CAST(JSON_VALUE(data, '$.id') AS INT64), 0)"))
    dry = run_json(instance, "replay", "store", "--from", "1", "--dry-run")
    assert dry["changed"] == 52 and len(dry["messages"]) == 52
    first = dry["messages"][0]
    assert [row["sku"] for row in first["stored"]] == ["a", "b", "c"]
    assert first["rows"] == [{"id": 100, "sku": "new a", "price": "2"}, {"id": 100, "sku": "new c", "price": "2"}]
    assert instance.value("SELECT COUNT(*) AS n FROM ds.lines") == 151, "a dry run stores nothing"

    instance.run("replay", "store", "--from", "11")
    assert instance.value("SELECT COUNT(*) AS n FROM ds.lines WHERE id < 100") == 30, "what came before stays"
    assert instance.value("SELECT COUNT(*) AS n FROM ds.lines WHERE id >= 100") == 81
    assert sides(instance) == (52, 51, 1, 0, 0, 111)
    assert instance.query("SELECT state FROM ds.dead_letters") == [{"state": "retried"}]
    before = instance.query("SELECT * FROM ds.lines ORDER BY _message_id, _message_row")
    instance.run("replay", "store", "--from", "11")
    assert instance.query("SELECT * FROM ds.lines ORDER BY _message_id, _message_row") == before
    assert sides(instance) == (52, 51, 1, 0, 0, 111)

    instance.run("replay", "store", "--from", "1", "--into", "ds.fresh")
    assert instance.value("SELECT COUNT(DISTINCT _message_id) AS n FROM ds.fresh") == 51
    assert sides(instance) == (52, 51, 1, 0, 0, 111), "another table is not the function's"
    assert "already" in instance.run("replay", "store", "--from", "1", "--into", "ds.fresh", code=1).stderr
    dry = run_json(instance, "replay", "store", "--from", "11", "--dry-run")
    assert dry["changed"] == 0
    assert ids[0] in {m["message_id"] for m in run_json(instance, "replay", "store", "--from", "1", "--dry-run")["messages"]
                      if m["changed"]}


def test_a_dry_run_takes_the_code_of_a_changed_function(launch, tmp_path):
    instance = launch(SPEC, FILES)
    publish(instance, [event(id=1, skus=["a", "b"])])
    instance.drain()
    (tmp_path / "new.js").write_text("function f(m) { const e = JSON.parse(m.data); return {id: e.id, sku: 'js', price: '1.5'}; }")
    answer = run_json(instance, "replay", "store", "--from", "1", "--dry-run", "--transform", tmp_path / "new.js")
    assert answer["messages"][0]["rows"] == [{"id": 1, "sku": "js", "price": "1.5"}]
    (tmp_path / "same.sql").write_text(SQL)
    assert run_json(instance, "replay", "store", "--from", "1", "--dry-run", "--transform",
                    tmp_path / "same.sql")["changed"] == 0
    (tmp_path / "bad.sql").write_text("SELECT nothing FROM messages")
    assert "nothing" in instance.run("replay", "store", "--from", "1", "--dry-run", "--transform", tmp_path / "bad.sql",
                                     code=2).stderr
    shown = instance.run("replay", "store", "--from", "1", "--dry-run", "--transform", tmp_path / "new.js").stdout
    assert "+ {" in shown and "- {" in shown and "1 of 1 messages change" in shown


def test_a_replay_goes_on_after_a_kill_and_live_messages_go_first(launch):
    release = threading.Event()

    def answer(body):
        number = json.loads(base64.b64decode(body["message"]["data"]))["id"]
        if replaying.is_set() and number == 40:
            release.wait(60)
        return 200, json.dumps([{"id": number, "name": "again" if replaying.is_set() else "first"}]).encode()
    replaying = threading.Event()
    function = Scripted(answer)
    try:
        text = http_spec(function.url, timeout="60s").replace("{Data: {}}", "{Data: {message_retention_duration: 604800s}}")
        instance = launch(text, {})
        publish(instance, [event(id=k) for k in range(60)])
        assert instance.outcome("store") == (60, 60, 0, 0)
        replaying.set()
        instance.run("replay", "store", "--from", "1", "--no-wait")
        publish(instance, [event(id=100)])
        wait_until(lambda: instance.value("SELECT COUNT(*) AS n FROM ds.lines WHERE id = 100") == 1, 60, "a live message")
        assert sides(instance)[:4] == (61, 61, 0, 0)
        instance.restart()
        release.set()

        def done():
            return not instance.admin("/v1/functions").json()["functions"][0]["replay"]["running"]
        wait_until(done, 60, "the replay")
        assert instance.value("SELECT COUNT(*) AS n FROM ds.lines WHERE name = 'again'") == 61
        assert sides(instance) == (61, 61, 0, 0, 0, 61)
    finally:
        function.shutdown()
        function.server_close()


def test_a_damaged_side_is_found_with_its_ids(launch):
    instance = launch(SPEC, FILES)
    ids = publish(instance, [event(id=k, skus=["a"]) for k in range(10)] + [event(id="x", skus=["a"])])
    instance.drain()
    assert sides(instance) == (11, 10, 0, 1, 0, 10)

    def damaged():
        answer = instance.check(code=1)
        assert answer["balanced"] is False
        return next(f for f in answer["functions"] if f["name"] == "store")
    # The table gains a message that nobody published.
    instance.query("INSERT INTO ds.lines (id, sku, _message_id, _message_row) VALUES (5, 'x', 'forged', 0)")
    line = damaged()
    assert line["stored"] == 11 and line["doubled"] == ["forged"] and line["missing"] == []
    assert "forged" in instance.run("check", code=1).stdout
    instance.query("DELETE FROM ds.lines WHERE _message_id = 'forged'")
    # The committer counts the deletion of what nobody published as removed: that side is damaged now.
    assert damaged()["stored"] == 11
    instance.query("INSERT INTO ds.lines (id, sku, _message_id, _message_row) VALUES (5, 'x', 'a', 0), (6, 'x', 'b', 0)")
    assert len(damaged()["doubled"]) == 2
    assert ids[0] not in damaged()["missing"]


def test_the_admin_door_says_what_is_wrong_with_a_request(launch):
    instance = launch(SPEC, FILES)
    base = instance.doors["admin"] + "/v1/functions/"
    assert requests.get(base + "none/dead-letters", timeout=30).status_code == 404
    assert requests.get(base + "store/dead-letters?colour=red", timeout=30).status_code == 400
    assert requests.get(base + "store/dead-letters?limit=0", timeout=30).status_code == 400
    assert requests.get(base + "store/dead-letters", timeout=30).json() == {"dead_letters": [], "next": None}
    answer = requests.post(base + "store/backfill?colour=red", data=b"{}", timeout=30,
                           headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 400 and "file and first" in answer.text
    for path, body in {"dead-letters/retry": {"messages": []}, "dead-letters/export": {"ids": 5},
                       "replay": {"from": "noonish"}, "dry-run": {"limit": 0}, "dry-run ": {"sql": 5}}.items():
        answer = requests.post(base + "store/" + path.strip(), json=body, timeout=30)
        assert answer.status_code == 400, (path, answer.text)
    answer = requests.post(base + "store/replay", json={"from": 1, "colour": "red"}, timeout=30)
    assert answer.status_code == 400 and "colour" in answer.text
    listed = requests.get(instance.doors["admin"] + "/v1/functions", timeout=30).json()["functions"]
    assert [f["name"] for f in listed] == ["store"] and listed[0]["waiting"] == 0


@pytest.mark.parametrize("start", ["1970-01-01T00:00:00Z", "1"])
def test_replay_begins_at_a_time_or_a_sequence(launch, start):
    instance = launch(SPEC.replace("{message_retention_duration: 604800s}", "{}"), FILES)
    publish(instance, [event(id=1, skus=["a"])])
    instance.drain()
    instance.run("replay", "store", "--from", start)
    assert sides(instance) == (1, 1, 0, 0, 0, 1)
    assert "sequence" in instance.run("replay", "store", "--from", "0", code=2).stderr


def test_backfill_takes_files_with_the_same_outcomes_and_never_twice(launch, tmp_path):
    instance = launch(SPEC, FILES)
    publish(instance, [event(id=1, skus=["live"])])
    instance.drain()
    lines = [event(id=k, skus=["a", "b"]) for k in range(12_000)]
    lines[7], lines[11_000] = event(id="x", skus=["c"]), event(id=5, skus=[])
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    first.write_text("\n".join(lines) + "\n")
    second.write_text(event(id=77, skus=["s"]) + "\n")
    assert run_json(instance, "backfill", "store", first) == {"records": 12_000, "files": 1}
    assert sides(instance) == (12_001, 11_999, 1, 1, 0, 23_997)
    run_json(instance, "backfill", "store", first, second)
    assert sides(instance) == (12_002, 12_000, 1, 1, 0, 23_998)
    [letter] = run_json(instance, "dead-letters", "list", "store")["dead_letters"]
    assert base64.b64decode(letter["data"]) == lines[7].encode()
    instance.restart()
    run_json(instance, "backfill", "store", second, first)
    assert sides(instance) == (12_002, 12_000, 1, 1, 0, 23_998)
    table = tmp_path / "table.csv"
    table.write_text("id,skus\n3,x\n")
    run_json(instance, "backfill", "store", table)
    assert sides(instance)[0] == 12_003
    assert "none" in instance.run("backfill", "none", second, code=1).stderr


@pytest.mark.parametrize("ending", ["ndjson.gz", "csv.gz", "parquet"])
def test_backfill_takes_packed_files_and_parquet(launch, tmp_path, ending):
    instance = launch(SPEC, FILES)
    rows = [{"id": k, "skus": ["a", "b"]} for k in range(35_000)] + [{"id": None, "skus": ["a"]}]
    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif ending == "ndjson.gz":
        path.write_bytes(gzip.compress("".join(event(**row) + "\n" for row in rows).encode()))
    else:
        path.write_bytes(gzip.compress(("id,skus\n" + "".join(f"{row['id']},x\n" for row in rows[:-1])).encode()))
    count = len(rows) - (ending == "csv.gz")
    assert run_json(instance, "backfill", "store", path) == {"records": count, "files": 1}
    # A CSV file's fields are texts: no list of skus, so no rows.
    expected = (35_000, 0, 35_000, 0, 0, 0) if ending == "csv.gz" else (35_001, 35_000, 0, 1, 0, 70_000)
    assert sides(instance) == expected
    run_json(instance, "backfill", "store", path)
    assert sides(instance) == expected
    path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2])
    assert path.name in instance.run("backfill", "store", path, code=None).stderr


def test_a_backfill_that_is_killed_goes_on(launch, tmp_path):
    instance = launch(SPEC, FILES)
    path = tmp_path / "many.ndjson"
    path.write_text("".join(event(id=k, skus=["a"]) + "\n" for k in range(40_000)))
    running = threading.Thread(target=lambda: instance.run("backfill", "store", path, code=None))
    running.start()
    wait_until(lambda: instance.balance("store")["published"] > 0, 60, "the first part")
    instance.kill()
    running.join(60)
    instance.start()
    instance.run("backfill", "store", path)
    assert sides(instance) == (40_000, 40_000, 0, 0, 0, 40_000)
