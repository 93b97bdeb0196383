"""`afluente backup` beside a running pipeline and `afluente restore` into a new data directory (I2, I3)."""
import collections
import json
import pathlib
import shutil
import threading

import pytest
from instance import Instance, run_afluente, wait_until
from pipeline import PROJECT, message, publish

SPEC = f"""\
project: {PROJECT}
topics: {{Data: {{}}, Data-dead: {{}}, Copied: {{}}}}
subscriptions:
  dead: {{topic: Data-dead, ack_deadline_seconds: 600}}
datasets:
  ds:
    tables:
      events: {{schema: [{{name: id, type: INT64, mode: REQUIRED}}, {{name: name, type: STRING}}]}}
      copied: {{schema: [{{name: id, type: INT64}}]}}
functions:
  store:
    topic: Data
    table: ds.events
    dead_letter_policy: {{topic: Data-dead, max_delivery_attempts: 5}}
"""


class Load(threading.Thread):
    """Publishes, a fiftieth of it poison, and changes a table beside; remembers what was answered."""

    def __init__(self, instance):
        super().__init__(daemon=True)
        self.instance, self.stop, self.next = instance, threading.Event(), 0
        self.answered = {}  # message id -> id in its text
        self.failure = None

    def run(self):
        try:
            while not self.stop.is_set():
                ids = range(self.next, self.next + 40)
                self.next += 40
                texts = [json.dumps({"id": i, "name": "x" * 200})[:-1 if i % 50 == 0 else None] for i in ids]
                sent = publish(self.instance, [message(text) for text in texts])
                # Subscriptions into tables acknowledge after the commit: a copy must not have the ack alone.
                publish(self.instance, [message(json.dumps({"id": i})) for i in ids], topic="Copied")
                self.answered.update(zip(sent, ids))
                if self.next % 400 == 0:
                    self.instance.run("query", f"UPDATE ds.events SET name = 'short' WHERE id < {self.next // 2}")
        except Exception as failure:  # for the test's thread
            self.failure = failure


def backup(instance, directory, code=0):
    return instance.run("backup", directory, "--json", code=code)


@pytest.fixture
def restored(tmp_path):
    """Restores a backup and starts an instance on it."""
    made = []

    def start(directory, name):
        instance = Instance(tmp_path / name, SPEC, {})
        made.append(instance)
        answer = json.loads(run_afluente("restore", directory, "--data-dir", instance.data_dir, "--spec",
                                         instance.spec, "--json").stdout)
        assert answer["balanced"] is True and answer["files"] >= 3
        return instance.start()

    yield start
    for instance in made:
        instance.discard()
        Instance.alive.remove(instance)


def subscribe_table(instance):
    answer = instance.rest("PUT", f"projects/{PROJECT}/subscriptions/into-table", {
        "topic": f"projects/{PROJECT}/topics/Copied",
        "bigqueryConfig": {"table": f"{PROJECT}.ds.copied", "useTableSchema": True}})
    assert answer.status_code == 200, answer.text


def test_backups_under_load_hold_one_moment_each(launch, restored, tmp_path):
    instance = launch(SPEC, {})
    subscribe_table(instance)
    load = Load(instance)
    load.start()
    before = []
    for number in range(3):
        grown = len(load.answered)
        wait_until(lambda grown=grown: len(load.answered) >= grown + 400 or load.failure, 60, "a load")
        before.append(dict(load.answered))
        answer = json.loads(backup(instance, tmp_path / f"backup{number}").stdout)
        assert answer["bytes"] > 0 and answer["directory"] == str(tmp_path / f"backup{number}")
    load.stop.set()
    load.join(60)
    assert load.failure is None, load.failure
    instance.kill()
    shutil.rmtree(instance.data_dir)
    for number, answered in enumerate(before):
        verify(restored(tmp_path / f"backup{number}", f"restored{number}"), answered)


def verify(instance, answered):
    """What was answered before the backup is there, once, and what goes on goes on."""
    publish(instance, [message('{"id": -1}')])
    published, stored, dropped, dead = instance.outcome("store")
    assert published == stored + dead and dropped == 0
    assert published >= len(answered) + 1
    rows = {r["_message_id"]: r["id"] for r in instance.query("SELECT _message_id, id FROM ds.events")}
    assert len(rows) == stored == instance.value("SELECT COUNT(*) FROM ds.events")
    letters = [r["message_id"] for r in instance.dead_letters()]
    assert len(letters) == len(set(letters)) == dead
    for message_id, number in answered.items():
        assert rows.get(message_id) == (None if number % 50 == 0 else number), number
        assert (message_id in letters) == (number % 50 == 0), number
    wanted = set(answered.values())
    wait_until(lambda: wanted <= {r["id"] for r in instance.query("SELECT id FROM ds.copied")}, 60,
               "each message of the subscription into a table")
    assert sum(dead_letter_messages(instance, dead).values()) == dead


def dead_letter_messages(instance, wanted):
    """What is in the dead letters' topic, each once."""
    seen, empty = collections.Counter(), 0
    while empty < 3:
        got = instance.rest("POST", f"projects/{PROJECT}/subscriptions/dead:pull",
                            {"maxMessages": 1000}).json().get("receivedMessages", [])
        empty = 0 if got else empty + (sum(seen.values()) >= wanted)
        for each in got:
            seen[each["message"]["data"]] += 1
        if got:
            instance.rest("POST", f"projects/{PROJECT}/subscriptions/dead:acknowledge",
                          {"ackIds": [each["ackId"] for each in got]})
    assert set(seen.values()) <= {1}, "a dead letter reached its topic twice"
    return seen


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def test_what_is_damaged_or_incomplete_is_refused(launch, tmp_path):
    instance = launch(SPEC, {})
    publish(instance, [message(json.dumps({"id": i})) for i in range(100)])
    instance.drain()
    whole = tmp_path / "whole"
    backup(instance, whole)
    instance.terminate()
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file() and p.name != "manifest.json")
    assert any(p.suffix == ".duckdb" for p in files) and any(p.suffix == ".segment" for p in files)
    harms = [(flip, path, "SHA-256") for path in files] + [(shorten, path, "bytes, the manifest") for path in files]
    harms += [(pathlib.Path.unlink, path, "missing") for path in files]
    harms += [(lambda path: path.write_text("more"), pathlib.Path("journal/more"), "not in the manifest"),
              (pathlib.Path.unlink, pathlib.Path("manifest.json"), "not finished"),
              (shorten, pathlib.Path("manifest.json"), None),
              (lambda path: path.write_text(path.read_text().replace('"bytes": ', '"bytes": 1')),
               pathlib.Path("manifest.json"), "manifest is damaged")]
    for harm, path, said in harms:
        damaged = tmp_path / "damaged"
        shutil.copytree(whole, damaged)
        harm(damaged / path)
        target = tmp_path / "target"
        if harm is shorten and said is None:
            # The last byte is the line's end: still the same manifest.
            run_afluente("restore", damaged, "--data-dir", target, "--spec", instance.spec)
            shutil.rmtree(target)
        else:
            answer = run_afluente("restore", damaged, "--data-dir", target, "--spec", instance.spec, code=1)
            assert said in answer.stderr and path.name in answer.stderr, (path, answer.stderr)
        assert not target.exists() and not (tmp_path / "target.restoring").exists(), path
        shutil.rmtree(damaged)


def test_a_backup_needs_an_empty_place_and_a_restore_too(launch, tmp_path):
    instance = launch(SPEC, {})
    taken = tmp_path / "taken"
    taken.mkdir()
    backup(instance, taken)  # an empty directory is as good as none
    again = backup(instance, taken, code=1)
    assert "not empty" in again.stderr
    answer = run_afluente("restore", taken, "--data-dir", instance.data_dir, "--spec", instance.spec, code=1)
    assert "new data directory" in answer.stderr
    assert instance.value("SELECT COUNT(*) FROM ds.events") == 0


def test_with_nothing_running_the_directory_is_copied_under_its_lock(launch, tmp_path):
    instance = launch(SPEC, {})
    publish(instance, [message('{"id": 7}')])
    instance.drain()
    instance.terminate()
    backup(instance, tmp_path / "taken")
    target = tmp_path / "target"
    # By the specification that the backup names.
    run_afluente("restore", tmp_path / "taken", "--data-dir", target)
    rows = run_afluente("query", "SELECT id FROM ds.events", "--data-dir", target, "--spec", instance.spec, "--json")
    assert json.loads(rows.stdout) == {"rows": [{"id": 7}]}
