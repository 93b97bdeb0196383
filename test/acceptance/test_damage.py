"""Every side of `afluente check` damaged by hand behind its back: it is found, with the ids, and the exit code says so."""
import json
import pathlib
import shutil
import subprocess

import pytest
from instance import BINARY, Instance, run_afluente
from pipeline import event, publish

SPEC = """\
project: test-project
topics: {Data: {}}
subscriptions: {all: {topic: Data}}
datasets:
  ds:
    tables:
      events: {schema: [{name: id, type: INT64, mode: REQUIRED}]}
functions:
  store:
    topic: Data
    table: ds.events
    transform: {javascript: f.js}
    retry_policy: {minimum_backoff: 600s, maximum_backoff: 600s}
"""
FILES = {"f.js": """function f(message, metadata) {
  if (message.data === 'stubborn') throw new Error('not yet');
  return JSON.parse(message.data);
}
"""}
TABLE = '"test-project.ds".events'
RECORDS = ("afluente_internal.functions", "afluente_internal.commits")


@pytest.fixture(name="ids", scope="module")
def _ids(shared_damage):
    return shared_damage[1]


@pytest.fixture(name="shared_damage", scope="module")
def _shared_damage(tmp_path_factory):
    """A stopped instance with three stored messages, a dead one and one that waits; and their ids."""
    instance = Instance(tmp_path_factory.mktemp("damage"), SPEC, FILES)
    instance.start()
    ids = publish(instance, [event(id=1), event(id=2), event(id="x"), "stubborn", event(id=3)])
    while instance.balance("store")["pending"] != 1:
        assert instance.running()
    instance.terminate()
    yield instance, ids
    instance.discard()
    Instance.alive.remove(instance)


@pytest.fixture(name="copy")
def _copy(shared_damage, tmp_path):
    """Its data directory once more, to be damaged."""
    instance, _ = shared_damage
    copied = tmp_path / "copy"
    shutil.copytree(instance.data_dir, copied)
    return copied


def damage(copy, *statements):
    done = subprocess.run([pathlib.Path(BINARY).with_name("raw_sql"), copy / "warehouse/warehouse.duckdb", *statements],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    changed = [int(line) for line in done.stdout.splitlines()]
    assert sum(changed) > 0, "nothing was damaged"


def damage_state(copy, pattern, replacement):
    damage(copy, *(f"UPDATE {table} SET state = encode(regexp_replace(decode(state), '{pattern}', '{replacement}')) "
                   f"WHERE function = 'store' AND octet_length(state) > 0" for table in RECORDS))


def check(copy, shared_damage, code):
    result = run_afluente("check", "--json", "--data-dir", copy, "--spec", shared_damage[0].spec, code=code)
    return json.loads(result.stdout)["functions"][0] if result.stdout else result.stderr


def test_what_is_not_damaged_balances(copy, shared_damage):
    line = check(copy, shared_damage, 0)
    assert (line["published"], line["stored"], line["dead_lettered"], line["pending"]) == (5, 3, 1, 1)


def test_a_row_that_is_gone_is_named(copy, shared_damage, ids):
    damage(copy, f"DELETE FROM {TABLE} WHERE id = 2")
    line = check(copy, shared_damage, 1)
    assert line["missing"] == [ids[1]] and line["doubled"] == []


def test_a_row_that_is_there_twice_is_named(copy, shared_damage, ids):
    damage(copy, f"INSERT INTO {TABLE} SELECT * FROM {TABLE} WHERE id = 3")
    line = check(copy, shared_damage, 1)
    assert line["doubled"] == [ids[4]] and line["missing"] == []


def test_a_waiting_message_that_is_forgotten_is_named(copy, shared_damage, ids):
    damage_state(copy, '"entries":\\[\\[.*?\\]\\]', '"entries":[]')
    line = check(copy, shared_damage, 1)
    assert line["missing"] == [ids[3]] and line["pending"] == 0


def test_a_position_that_went_back_is_seen_by_what_is_stored_already(copy, shared_damage, ids):
    damage_state(copy, '"sequence":5', '"sequence":4')
    line = check(copy, shared_damage, 1)
    assert line["doubled"] == [ids[4]]


@pytest.mark.parametrize("counter", ["dropped", "dead_lettered", "removed"])
def test_an_altered_counter_is_seen(copy, shared_damage, counter):
    damage(copy, *(f"UPDATE {table} SET {counter} = {counter} + 1 WHERE function = 'store'" for table in RECORDS))
    line = check(copy, shared_damage, 1)
    assert line["published"] == 5 and line["balanced"] is False


def test_a_dead_letter_that_is_gone_is_named_once_its_counter_is_too(copy, shared_damage, ids):
    damage(copy, 'DELETE FROM "test-project.ds".dead_letters',
           *(f"UPDATE {table} SET dead_lettered = 0 WHERE function = 'store'" for table in RECORDS))
    assert check(copy, shared_damage, 1)["missing"] == [ids[2]]


def test_a_damaged_journal_says_where(copy, shared_damage):
    [segment] = [p for p in sorted((copy / "journal").rglob("*")) if p.is_file() and b"stubborn" in p.read_bytes()]
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b"stubborn", b"Stubborn"))
    said = check(copy, shared_damage, 1)
    assert segment.name in said, said
