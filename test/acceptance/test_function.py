"""Functions: every message has exactly one outcome, and it is the right one."""
import base64
import json
import time

import pytest

from pipeline import PROJECT, event, message, publish

EVENTS = """\
project: test-project
topics: {Data: {}, Data-dead: {}}
subscriptions:
  dead: {topic: Data-dead}
datasets:
  ds:
    tables:
      events:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: name, type: STRING}
          - {name: amount, type: NUMERIC}
          - {name: day, type: DATE}
          - {name: flag, type: BOOL}
          - {name: ratio, type: FLOAT64}
          - {name: at, type: TIMESTAMP}
          - {name: tags, type: STRING, mode: REPEATED}
functions:
  store:
    topic: Data
    table: ds.events
    dead_letter_policy: {topic: Data-dead, max_delivery_attempts: 5}
"""

# A message that must be a dead letter -> what its reason must name.
POISON = {
    "malformed": (b'{"id": 1', ""),
    "empty": (b" ", ""),
    "not JSON": (b"hello", ""),
    "not an object": (b"[1, 2]", "object"),
    "a number": (b"7", "object"),
    "trailing text": (b'{"id": 1} x', ""),
    "invalid UTF-8": (b'{"id": 1, "name": "\xff\xfe"}', ""),
    "truncated UTF-8": (b'{"id": 1, "name": "\xc3"}', ""),
    "lone surrogate": (b'{"id": 1, "name": "\\ud800"}', ""),
    "missing required": (b'{"name": "x"}', "id"),
    "required is null": (b'{"id": null}', "id"),
    "wrong type: object for INT64": (b'{"id": {}}', "id"),
    "wrong type: text for INT64": (b'{"id": "seven"}', "id"),
    "wrong type: fraction for INT64": (b'{"id": 1.5}', "id"),
    "wrong type: object for STRING": (b'{"id": 1, "name": {"a": 1}}', "name"),
    "wrong type: array for scalar": (b'{"id": 1, "name": ["x"]}', "name"),
    "wrong type: scalar for array": (b'{"id": 1, "tags": "x"}', "tags"),
    "wrong type: null in array": (b'{"id": 1, "tags": ["a", null]}', "tags"),
    "wrong type: text for BOOL": (b'{"id": 1, "flag": "maybe"}', "flag"),
    "wrong type: text for FLOAT64": (b'{"id": 1, "ratio": "half"}', "ratio"),
    "unknown field": (b'{"id": 1, "colour": "red"}', "colour"),
    "INT64 too large": (b'{"id": 9223372036854775808}', "id"),
    "INT64 too small": (b'{"id": -9223372036854775809}', "id"),
    "INT64 as huge text": (b'{"id": "99999999999999999999"}', "id"),
    "NUMERIC too large": (b'{"id": 1, "amount": "100000000000000000000000000000"}', "amount"),
    "no such day": (b'{"id": 1, "day": "2026-02-30"}', "day"),
    "day before year 1": (b'{"id": 1, "day": "0000-01-01"}', "day"),
    "not a day": (b'{"id": 1, "day": "tomorrow"}', "day"),
    "not a timestamp": (b'{"id": 1, "at": "noonish"}', "at"),
    "timestamp after year 9999": (b'{"id": 1, "at": "10000-01-01T00:00:00Z"}', "at"),
    "FLOAT64 overflow": (b'{"id": 1, "ratio": 1e400}', "ratio"),
}


def test_poison_goes_to_the_dead_letters_with_its_reason_and_its_neighbours_are_stored(launch):
    instance = launch(EVENTS, {})
    batch, expected_ids = [], {}
    for k, (data, _) in enumerate(POISON.values()):
        batch += [message(event(id=1000 + k)), message(data, trace=str(k))]
    batch.append(message(event(id=9999)))
    ids = publish(instance, batch)
    for kind, message_id in zip(POISON, ids[1::2]):
        expected_ids[message_id] = kind
    good = len(POISON) + 1
    outcome = instance.outcome("store")
    letters = {row["message_id"]: row for row in instance.dead_letters()}
    got = {expected_ids.get(i, "a good message"): row["error"] for i, row in letters.items()}
    stored_wrongly = instance.query("SELECT _message_id FROM ds.events WHERE id < 1000")
    assert set(got) == set(POISON), ([expected_ids.get(r["_message_id"]) for r in stored_wrongly], got)
    assert outcome == (good + len(POISON), good, 0, len(POISON))
    stored = sorted(row["id"] for row in instance.query("SELECT id FROM ds.events"))
    assert stored == [1000 + k for k in range(len(POISON))] + [9999]

    unnamed = {kind: got[kind] for kind, (_, named) in POISON.items() if not got[kind] or named not in got[kind]}
    assert unnamed == {}, "each reason names the field"
    for message_id, kind in expected_ids.items():
        row = letters[message_id]
        assert base64.b64decode(row["data"]) == POISON[kind][0]
        assert row["attributes"] == {"trace": str(list(POISON).index(kind))}
        assert row["function"] == "store" and row["topic"] == f"projects/{PROJECT}/topics/Data"
        assert row["state"] == "dead" and row["attempts"] == 1
        assert row["publish_time"] <= row["failed_at"]


def test_a_dead_letter_also_reaches_its_topic_once_with_pubsubs_attributes(launch):
    instance = launch(EVENTS, {})
    [message_id] = publish(instance, [message("poison", origin="here")])
    instance.drain()
    received = []
    for _ in range(20):
        answer = instance.rest("POST", f"projects/{PROJECT}/subscriptions/dead:pull", {"maxMessages": 10})
        received += answer.json().get("receivedMessages", [])
        if received:
            break
    assert len(received) == 1
    got = received[0]["message"]
    assert base64.b64decode(got["data"]) == b"poison" and got["attributes"]["origin"] == "here"
    assert any(key.startswith("CloudPubSubDeadLetter") for key in got["attributes"])
    assert instance.dead_letters()[0]["message_id"] == message_id


def test_by_name_follows_bigquerys_json_rules_for_what_is_accepted(launch):
    instance = launch(EVENTS, {})
    publish(instance, [
        b'{"id": "12", "amount": 1.5, "flag": "true", "ratio": "2.5", "day": "2026-1-2"}',
        b'{"id": 13, "amount": "-0.000000001", "flag": false, "ratio": 3, "tags": []}',
        b'{"id": 9223372036854775807, "name": "", "ratio": "NaN", "tags": null, "at": "2026-11-24 08:00:00 UTC"}',
        b'{"id": -9223372036854775808, "name": "\\u00f1\\ud834\\udd1e", "ratio": "-inf", "tags": ["a", ""]}',
        b'{"ID": 14, "NAME": "columns match without case"}',
    ])
    assert instance.outcome("store") == (5, 5, 0, 0), instance.dead_letters()
    rows = {row["id"]: row for row in instance.query("SELECT * FROM ds.events")}
    assert rows[12]["amount"] == "1.5" and rows[12]["flag"] is True and rows[12]["ratio"] == 2.5
    assert rows[12]["day"] == "2026-01-02"
    assert rows[13]["amount"] == "-0.000000001" and rows[13]["flag"] is False and rows[13]["tags"] == []
    top = rows[9223372036854775807]
    assert top["name"] == "" and top["ratio"] == "NaN" and top["tags"] == [] and top["at"] == "2026-11-24T08:00:00Z"
    low = rows[-9223372036854775808]
    assert low["name"] == "ñ𝄞" and low["ratio"] == "-Infinity" and low["tags"] == ["a", ""]
    assert rows[14]["name"] == "columns match without case"


def test_unknown_fields_are_ignored_when_the_spec_says_so(launch):
    spec = EVENTS.replace("    table: ds.events\n", "    table: ds.events\n    unknown_fields: ignore\n")
    instance = launch(spec, {})
    publish(instance, [event(id=1, colour="red", nested={"deep": [1]}), event(colour="no id")])
    assert instance.outcome("store") == (2, 1, 0, 1)
    assert instance.query("SELECT id, name FROM ds.events") == [{"id": 1, "name": None}]


def test_every_row_carries_its_message_id(launch):
    instance = launch(EVENTS, {})
    ids = publish(instance, [event(id=k) for k in range(5)])
    instance.drain()
    rows = instance.query("SELECT id, _message_id, _message_row FROM ds.events ORDER BY id")
    assert [(r["id"], r["_message_id"], r["_message_row"]) for r in rows] == [(k, ids[k], 0) for k in range(5)]


SQL = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      lines:
        schema:
          - {name: order_id, type: INT64, mode: REQUIRED}
          - {name: position, type: INT64}
          - {name: sku, type: STRING}
          - {name: quantity, type: INT64}
          - {name: source, type: STRING}
          - {name: published, type: DATE}
functions:
  store:
    topic: Data
    table: ds.lines
    transform: {sql: functions/lines.sql}
"""
SQL_FILES = {"functions/lines.sql": """\
SELECT
  CAST(JSON_VALUE(data, '$.id') AS INT64) AS order_id,
  position,
  JSON_VALUE(line, '$.sku') AS sku,
  CAST(JSON_VALUE(line, '$.quantity') AS INT64) AS quantity,
  JSON_VALUE(attributes, '$.source') AS source,
  DATE(publish_time) AS published
FROM messages, UNNEST(JSON_QUERY_ARRAY(data, '$.lines')) AS line WITH OFFSET AS position
WHERE JSON_VALUE(data, '$.draft') IS NULL
"""}


def order(order_id, *lines, **more):
    return event(id=order_id, lines=[{"sku": s, "quantity": q} for s, q in lines], **more)


def test_a_sql_transform_makes_several_rows_of_one_message_and_counts_the_dropped(launch):
    instance = launch(SQL, SQL_FILES)
    ids = publish(instance, [
        message(order(1, ("a", 1), ("b", 2), ("c", 3)), source="web"),
        message(order(2, ("z", 9), draft=True)),
        message(order(3)),
        message(order(4, ("d", 4))),
    ])
    assert instance.outcome("store") == (4, 2, 2, 0)
    assert instance.balance("store")["rows"] == 4
    rows = instance.query("SELECT order_id, position, sku, quantity, source, _message_id, _message_row FROM ds.lines "
                          "ORDER BY order_id, position")
    assert [(r["order_id"], r["position"], r["sku"], r["quantity"], r["source"]) for r in rows] == [
        (1, 0, "a", 1, "web"), (1, 1, "b", 2, "web"), (1, 2, "c", 3, "web"), (4, 0, "d", 4, None)]
    assert [r["_message_id"] for r in rows] == [ids[0]] * 3 + [ids[3]]
    assert [r["_message_row"] for r in rows[:3]] == [0, 1, 2] and rows[3]["_message_row"] == 0


def test_a_sql_transform_fails_only_the_guilty_messages_and_stores_none_of_their_rows(launch):
    instance = launch(SQL, SQL_FILES)
    bad = {
        "guilty line": order(100, ("x", 1), ("y", "many"), ("z", 3)),
        "guilty id": event(id="seven", lines=[{"sku": "s", "quantity": 1}]),
        "missing required": event(lines=[{"sku": "s", "quantity": 1}]),
        "not JSON": "{broken",
        "out of range": order(101, ("x", 99999999999999999999)),
    }
    batch = []
    for k, data in enumerate(bad.values()):
        batch += [order(k, ("good", k)), data]
    batch += [order(50, ("good", 50))]
    ids = publish(instance, batch)
    letters = {row["message_id"]: row["error"] for row in (instance.drain(), instance.dead_letters())[1]}
    named = dict(zip(ids[1::2], bad))
    assert {named.get(i, "a good message") for i in letters} == set(bad), letters
    assert all(letters.values()), letters
    assert instance.outcome("store") == (len(batch), len(bad) + 1, 0, len(bad))
    assert {r["order_id"] for r in instance.query("SELECT order_id FROM ds.lines")} == {0, 1, 2, 3, 4, 50}


def test_a_large_batch_with_a_few_guilty_messages_is_stored_but_for_them(launch):
    instance = launch(SQL, SQL_FILES)
    batch = [order(k, ("s", k if k % 331 else "poison")) for k in range(1000)]
    publish(instance, batch)
    guilty = sum(1 for k in range(1000) if k % 331 == 0)
    assert instance.outcome("store") == (1000, 1000 - guilty, 0, guilty)
    assert instance.value("SELECT COUNT(*) AS n FROM ds.lines") == 1000 - guilty


TWO = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      flights: {schema: [{name: id, type: INT64}]}
      readings: {schema: [{name: id, type: INT64}]}
  other:
    tables:
      everything: {schema: [{name: id, type: INT64}]}
functions:
  store_flights:
    topic: Data
    filter: 'attributes.kind = "flight" AND NOT attributes:test'
    table: ds.flights
  store_readings:
    topic: Data
    filter: 'hasPrefix(attributes.kind, "read") OR attributes.source = "device"'
    table: ds.readings
  store_all:
    topic: Data
    table: other.everything
"""


def test_filters_tell_functions_of_one_topic_apart(launch):
    instance = launch(TWO, {})
    publish(instance, [message(event(id=1), kind="flight"), message(event(id=2), kind="reading"),
                       message(event(id=3), kind="flight", test="yes"), message(event(id=4), source="device"),
                       message(event(id=5), kind="other"), message(event(id=6)),
                       message("poison", kind="flight"), message(event(id=8), kind="flight", source="device")])
    assert instance.outcome("store_flights") == (3, 2, 0, 1)
    assert instance.outcome("store_readings") == (3, 3, 0, 0)
    assert instance.outcome("store_all") == (8, 7, 0, 1)
    stored = {table: [r["id"] for r in instance.query(f"SELECT id FROM {table} ORDER BY id")]
              for table in ("ds.flights", "ds.readings", "other.everything")}
    assert stored == {"ds.flights": [1, 8], "ds.readings": [2, 4, 8], "other.everything": [1, 2, 3, 4, 5, 6, 8]}
    assert len(instance.dead_letters("ds")) == 1 and len(instance.dead_letters("other")) == 1


def test_start_latest_skips_what_was_there_and_earliest_does_not(launch):
    instance = launch("project: test-project\ntopics: {Data: {message_retention_duration: 604800s}}\n", {})
    publish(instance, [event(id=1), event(id=2)])
    instance.terminate()
    instance.spec.write_text(TWO.replace("{Data: {}}", "{Data: {message_retention_duration: 604800s}}").replace(
        "    table: other.everything\n", "    table: other.everything\n    start: latest\n").replace(
        """    filter: 'attributes.kind = "flight" AND NOT attributes:test'\n""", ""), encoding="utf-8")
    instance.start()
    publish(instance, [event(id=3)])
    assert instance.outcome("store_flights") == (3, 3, 0, 0)
    assert instance.outcome("store_all") == (1, 1, 0, 0)
    assert [r["id"] for r in instance.query("SELECT id FROM other.everything")] == [3]


TYPES = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      types:
        schema:
          - {name: k, type: INT64, mode: REQUIRED}
          - {name: b, type: BOOL}
          - {name: i, type: INT64}
          - {name: f, type: FLOAT64}
          - {name: n, type: NUMERIC}
          - {name: bn, type: BIGNUMERIC}
          - {name: s, type: STRING}
          - {name: y, type: BYTES}
          - {name: d, type: DATE}
          - {name: dt, type: DATETIME}
          - {name: t, type: TIME}
          - {name: ts, type: TIMESTAMP}
          - {name: j, type: JSON}
          - {name: a, type: INT64, mode: REPEATED}
          - name: r
            type: STRUCT
            fields:
              - {name: x, type: INT64}
              - {name: y, type: STRING, mode: REPEATED}
          - name: rs
            type: STRUCT
            mode: REPEATED
            fields:
              - {name: p, type: NUMERIC}
              - {name: q, type: DATE}
functions:
  store: {topic: Data, table: ds.types}
endpoints:
  "/types/{k}": {sql: types.sql, parameters: {k: INT64}}
"""
TYPES_FILES = {"types.sql": "SELECT * FROM ds.types WHERE k = @k\n"}
FULL = {
    "k": 1, "b": True, "i": 9007199254740993, "f": 0.1, "n": "99999999999999999999999999999.999999999",
    "bn": "-578960446186580977117854925043439539266.34992332820282019728792003956564819968",
    "s": "ñ \"quoted\" 𝄞 \\ \n", "y": base64.b64encode(bytes(range(256))).decode(), "d": "0001-01-01",
    "dt": "2026-11-24T08:09:10.123456", "t": "23:59:59.999999", "ts": "9999-12-31T23:59:59.999999Z",
    "j": {"deep": [1, "two", None, {"three": 3.5}], "big": 1}, "a": [1, -2, 3],
    "r": {"x": 5, "y": ["a", "b"]}, "rs": [{"p": "1.25", "q": "2026-11-24"}, {"p": None, "q": None}],
}
EMPTY = {"k": 2, **{name: None for name in FULL if name not in ("k", "a", "rs")}, "a": [], "rs": []}
ZERO = {
    "k": 3, "b": False, "i": 0, "f": -0.0, "n": "0", "bn": "0", "s": "", "y": "", "d": "1970-01-01",
    "dt": "1970-01-01T00:00:00", "t": "00:00:00", "ts": "1970-01-01T00:00:00Z", "j": 0, "a": [0],
    "r": {"x": None, "y": []}, "rs": [],
}


def without_message_columns(row):
    return {name: value for name, value in row.items() if not name.startswith("_message_")}


def test_every_type_is_stored_and_read_back_by_endpoint_and_query(launch):
    instance = launch(TYPES, TYPES_FILES)
    publish(instance, [json.dumps(FULL), json.dumps({"k": 2}), json.dumps(ZERO)])
    assert instance.outcome("store") == (3, 3, 0, 0), instance.dead_letters()
    for expected in (FULL, EMPTY, ZERO):
        [by_query] = instance.query("SELECT * FROM ds.types WHERE k = @k", f"k:INT64:{expected['k']}")
        [by_endpoint] = instance.get(f"/types/{expected['k']}").json()["rows"]
        assert without_message_columns(by_query) == expected
        assert without_message_columns(by_endpoint) == expected
    assert '"i":9007199254740993' in instance.get("/types/1").text.replace(" ", ""), "all digits of an INT64"
    instance.restart()
    [again] = instance.get("/types/1").json()["rows"]
    assert without_message_columns(again) == FULL


def test_null_in_a_transform_fits_a_column_of_every_type(launch):
    names = [name for name in FULL if name != "k"]
    nulls = ", ".join(f"NULL AS {name}" for name in names)
    instance = launch(TYPES.replace("table: ds.types}", "table: ds.types, transform: {sql: t.sql}}"),
                      {**TYPES_FILES, "t.sql": f"SELECT CAST(JSON_VALUE(data, '$.k') AS INT64) AS k, {nulls} FROM messages\n"})
    publish(instance, [event(k=2)])
    assert instance.outcome("store") == (1, 1, 0, 0), instance.dead_letters()
    assert without_message_columns(instance.query("SELECT * FROM ds.types")[0]) == EMPTY


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_special_floats_are_strings_in_json(launch, value):
    instance = launch(TYPES, TYPES_FILES)
    publish(instance, [event(k=1, f=value)])
    assert instance.outcome("store") == (1, 1, 0, 0), instance.dead_letters()
    assert instance.get("/types/1").json()["rows"][0]["f"] == value


def test_outcomes_and_balance_are_the_same_after_kill(launch):
    instance = launch(EVENTS, {})
    publish(instance, [event(id=k) if k % 5 else "poison" for k in range(500)])
    before = instance.outcome("store")
    rows = instance.query("SELECT id, _message_id FROM ds.events ORDER BY id")
    instance.restart()
    assert instance.outcome("store") == before == (500, 400, 0, 100)
    assert instance.query("SELECT id, _message_id FROM ds.events ORDER BY id") == rows
    publish(instance, [event(id=1000)])
    assert instance.outcome("store") == (501, 401, 0, 100)


def test_messages_published_while_stopped_functions_are_behind_are_all_stored(launch):
    """Kill while a backlog is being stored: the function goes on right after its last commit."""
    instance = launch(EVENTS, {})
    for k in range(10):
        publish(instance, [event(id=k * 1000 + i) for i in range(1000)])
    instance.restart()
    assert instance.outcome("store") == (10_000, 10_000, 0, 0)
    assert instance.query("SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, COUNT(DISTINCT _message_id) AS m "
                          "FROM ds.events") == [{"n": 10_000, "ids": 10_000, "m": 10_000}]


def test_a_deleted_topic_is_finished_and_its_successor_followed(launch):
    instance = launch(EVENTS)
    topic = f"projects/{PROJECT}/topics/Data"
    publish(instance, [event(id=1)])
    assert instance.rest("DELETE", topic).status_code == 200
    assert instance.rest("PUT", topic, {}).status_code == 200
    publish(instance, [event(id=2)])
    deadline = time.monotonic() + 20
    while instance.outcome("store") != (2, 2, 0, 0):
        assert time.monotonic() < deadline, instance.outcome("store")
        time.sleep(0.1)
    instance.kill()
    instance.start()
    publish(instance, [event(id=3)])
    instance.drain()
    assert instance.outcome("store") == (3, 3, 0, 0)
    rows = instance.query("SELECT id FROM ds.events ORDER BY id")
    assert [row["id"] for row in rows] == [1, 2, 3]
