"""What is remembered for one caller (memory, tag, cursor, live tail, limit) never reaches another."""
import contextlib
import json

import pytest

from instance import Instance
from pipeline import event, publish
from test_api_tail import Tail
from tokens import AUDIENCE, HEADER, ISSUER, Issuer

ANA, BOB = "ana@ltm.example", "bob@ltm.example"
SPEC = """\
project: test-project
topics: {Data: {}}
datasets: {ds: {tables: {events: {schema: [{name: id, type: INT64}, {name: owner, type: STRING}]}}}}
functions: {store: {topic: Data, table: ds.events}}
endpoints:
  "/mine": {sql: mine.sql, cache: 600s}
  "/pages": {sql: mine.sql, page_size: 1, cache: 600s}
  "/all": {sql: all.sql, cache: 600s}
  "/limited": {sql: mine.sql, rate_limit: 2/600s}
access:
  members: ["domain:ltm.example"]
  assertion: {issuer: "%s", audience: %s, jwks_uri: file:keys.json}
""" % (ISSUER, AUDIENCE)
FILES = {"mine.sql": "SELECT id, owner FROM ds.events WHERE owner = @caller_email",
         "all.sql": "SELECT id FROM ds.events"}


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module")
def api(tmp_path_factory, issuer):
    instance = Instance(tmp_path_factory.mktemp("callers"), SPEC,
                        {**FILES, "keys.json": json.dumps({"keys": [issuer.jwk()]})})
    instance.start()
    publish(instance, [event(id=number, owner=owner) for number, owner in enumerate([ANA, BOB] * 3)])
    instance.drain()
    yield instance
    instance.terminate()
    Instance.alive.remove(instance)


@pytest.fixture
def ask(api, issuer):
    return lambda who, path, **headers: api.get(path, headers={HEADER: issuer.token(email=who), **headers})


def owners(answer):
    assert answer.status_code == 200, answer.text
    return {row["owner"] for row in answer.json()["rows"]}


def test_memory(ask):
    for who in (ANA, BOB) * 3:
        answer = ask(who, "/mine")
        assert owners(answer) == {who} and len(answer.json()["rows"]) == 3
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert {"Authorization", "Cookie", HEADER} <= set(answer.headers["Vary"].split(", "))


def test_tags(ask):
    tag = ask(ANA, "/mine").headers["ETag"]
    assert ask(ANA, "/mine", **{"If-None-Match": tag}).status_code == 304
    other = ask(BOB, "/mine", **{"If-None-Match": tag})
    assert owners(other) == {BOB} and other.headers["ETag"] != tag


def test_cursors(ask):
    first = ask(ANA, "/pages").json()
    following = "/pages?cursor=" + first["next_cursor"]
    second = ask(ANA, following)
    assert owners(second) == {ANA} and second.json()["rows"] != first["rows"]
    assert ask(BOB, following).status_code == 400


def test_an_endpoint_that_does_not_ask_who_it_is_shares_its_memory(ask):
    mine, others = ask(ANA, "/all"), ask(BOB, "/all")
    assert mine.headers["ETag"] == others.headers["ETag"] and mine.json() == others.json()
    assert mine.headers["Cache-Control"].startswith("private, max-age=")


def test_limits_count_by_caller(ask):
    assert [ask(ANA, "/limited").status_code for _ in range(3)] == [200, 200, 429]
    assert ask(BOB, "/limited").status_code == 200


def test_tails(api, issuer):
    with contextlib.ExitStack() as stack:
        tails = {}
        for who in (ANA, BOB):
            tails[who] = Tail(api, "/mine", headers={HEADER: issuer.token(email=who)})
            stack.callback(tails[who].answer.close)
            assert tails[who].next() == ("ready", {})
        publish(api, [event(id=100, owner=ANA), event(id=101, owner=BOB)])
        assert tails[ANA].next()[1] == {"id": 100, "owner": ANA}
        assert tails[BOB].next()[1] == {"id": 101, "owner": BOB}
        last = tails[ANA].id
    # Another's place in their own tail gives nothing of theirs.
    again = Tail(api, "/mine", last, headers={HEADER: issuer.token(email=BOB)})
    assert again.next() in (("ready", {}), ("reset", {}))
    again.answer.close()


def test_no_tail_without_an_assertion(api):
    assert api.get("/mine", headers={"Accept": "text/event-stream"}).status_code == 401


def test_the_document_names_what_a_stranger_gets(api, ask):
    assert api.get("/openapi.json").status_code == 401
    get = ask(ANA, "/openapi.json").json()["paths"]["/mine"]["get"]
    assert {"401", "403"} <= set(get["responses"])
    assert not [p for p in get["parameters"] if p["name"].startswith("caller_")]
