"""`afluente publish --file`: packed files, where a failure was, and how to go on; the same over MQTT."""
import base64
import gzip
import json

import pyarrow
import pytest
from pyarrow import parquet

SPEC = """
project: p
topics: {Data: {}}
subscriptions: {all: {topic: Data}}
sources: {mqtt: {routes: {"rooms/+": {topic: Data, attributes: {via: mqtt}}}}}
"""


@pytest.fixture(name="up")
def _up(launch):
    return launch(SPEC, {})


def pulled(instance):
    got = []
    while lines := instance.run("pull", "all", "--limit", 1000, "--ack", "--json").stdout.splitlines():
        got += [json.loads(line) for line in lines]
    return got


@pytest.mark.parametrize("packed", [False, True])
def test_csv_and_ndjson_plain_or_packed(up, tmp_path, packed):
    for name, text in (("rows.csv", "room,t\n1,20\n2,21\n"), ("rows.ndjson", '{"a":1}\n{"a":2}\n')):
        path = tmp_path / (name + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        answer = up.run("publish", "Data", "--file", path, "--json")
        assert json.loads(answer.stdout) == {"acknowledged": 2}
    assert len(pulled(up)) == 4


def test_parquet(up, tmp_path):
    path = tmp_path / "rows.parquet"
    rows = [{"room": 1, "t": "a\"b", "tags": ["x", "y"], "d\"e": {"f": 1}, "read_parquet": 1.5},
            {"room": 2, "t": None, "tags": [], "d\"e": {"f": None}, "read_parquet": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    assert json.loads(up.run("publish", "Data", "--file", path, "--json").stdout) == {"acknowledged": 2}
    assert [json.loads(base64.b64decode(message["data"])) for message in pulled(up)] == rows
    path.write_bytes(b"PAR1 and nothing more")
    assert "rows.parquet" in up.run("publish", "Data", "--file", path, code=None).stderr


def test_a_damaged_file_says_where_and_how_to_go_on(up, tmp_path):
    path = tmp_path / "rows.ndjson.gz"
    whole = gzip.compress("".join(f'{{"n":{i}}}\n' for i in range(300_000)).encode())
    path.write_bytes(whole[:len(whole) // 2])
    failed = up.run("publish", "Data", "--file", path, code=1)
    assert "--skip" in failed.stderr
    done = int(failed.stderr.rsplit("--skip ", 1)[1])
    assert len(pulled(up)) == done > 0
    path.write_bytes(whole)
    up.run("publish", "Data", "--file", path, "--skip", done)
    assert len(pulled(up)) == 300_000 - done


def test_over_mqtt_the_topic_is_made_of_the_records_fields(up, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("room,t\n1,20\n2,21\n")
    answer = up.run("publish", "rooms/{room}", "--mqtt", "--file", path, "--json")
    assert json.loads(answer.stdout) == {"acknowledged": 2}
    topics = sorted(message["attributes"]["mqtt_topic"] for message in pulled(up))
    assert topics == ["rooms/1", "rooms/2"]
    assert "no field floor" in up.run("publish", "rooms/{floor}", "--mqtt", "--file", path, code=1).stderr
    refused = up.run("publish", "halls/{room}", "--mqtt", "--file", path, code=1)
    assert "no route fits" in refused.stderr
