"""Server-sent events: an endpoint's new rows as they are committed, and coming back to them."""
import contextlib
import json
import time

import requests

from pipeline import event, publish

SPEC = """\
project: test-project
topics: {Data: {}}
datasets: {ds: {tables: {events: {schema: [{name: id, type: INT64}, {name: kind, type: STRING}]}}}}
functions: {store: {topic: Data, table: ds.events}}
endpoints:
  "/events": {sql: events.sql, parameters: {kind: {type: STRING, optional: true}}, page_size: 5}
  "/now": {sql: now.sql}
"""
FILES = {"events.sql": "SELECT id, kind FROM ds.events WHERE @kind IS NULL OR kind = @kind", "now.sql": "SELECT CURRENT_TIMESTAMP() AS t"}


class Tail:
    def __init__(self, instance, path, last=None, headers=()):
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {}), **dict(headers)}
        self.answer = requests.get(instance.doors["api"] + path, headers=headers, stream=True, timeout=20)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["Content-Type"] == "text/event-stream" and "Content-Length" not in self.answer.headers
        self.lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)
        self.id = None

    def next(self):
        """The next event's (name, data)."""
        name, data = "message", None
        for line in self.lines:
            if not line and data is not None:
                return name, json.loads(data)
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif field == "id":
                self.id = value
        raise AssertionError("the stream ended")


@contextlib.contextmanager
def tail(instance, path, last=None):
    made = Tail(instance, path, last)
    try:
        yield made
    finally:
        made.answer.close()


def test_new_rows_come_as_they_are_committed(shared):
    publish(shared, [event(id=1, kind="a")])
    shared.drain()
    with tail(shared, "/events") as every, tail(shared, "/events?kind=b") as some:
        assert every.next() == ("ready", {}) and some.next() == ("ready", {})
        publish(shared, [event(id=2, kind="a"), event(id=3, kind="b"), event(id=3, kind="b")])
        got = sorted((every.next()[1]["id"] for _ in range(3)))
        assert got == [2, 3, 3]
        assert [some.next()[1] for _ in range(2)] == [{"id": 3, "kind": "b"}] * 2
        last = every.id
    publish(shared, [event(id=4, kind="a")])
    shared.drain()
    time.sleep(0.5)
    with tail(shared, "/events", last) as again:
        name, row = again.next()
        if name == "ready":
            name, row = again.next()
        assert row == {"id": 4, "kind": "a"}
    with tail(shared, "/events", "unknown-77") as lost:
        assert lost.next()[0] == "reset"
        publish(shared, [event(id=5, kind="a")])
        assert lost.next() == ("message", {"id": 5, "kind": "a"})


def test_answers_that_change_by_themselves_are_not_tailed(shared):
    answer = shared.get("/now", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 406 and answer.json()["status"] == 406


def test_an_open_tail_does_not_hold_up_the_end(launch):
    instance = launch(SPEC, FILES)
    with tail(instance, "/events") as open_tail:
        assert open_tail.next()[0] == "ready"
        assert instance.terminate() < 5
