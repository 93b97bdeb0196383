"""Paging, order, column selection, entity tags, the answer cache, content coding, CORS, rate limits, parameters."""
import gzip
import itertools
import urllib.parse

import pytest
import requests

from instance import wait_until
from pipeline import event, publish

SPEC = """\
project: test-project
topics: {Data: {}, Slow: {}}
datasets:
  ds:
    tables:
      readings:
        schema:
          - {name: id, type: INT64}
          - {name: name, type: STRING}
          - {name: ratio, type: FLOAT64}
          - {name: amount, type: BIGNUMERIC}
          - {name: tags, type: STRING, mode: REPEATED}
functions:
  store: {topic: Data, table: ds.readings}
endpoints:
  "/readings":
    sql: readings.sql
    page_size: 7
    max_rows: 500
    order_by: [id, "-name", ratio]
    cors: ["https://app.example"]
  "/own_order": {sql: own_order.sql, page_size: 5}
  "/sorted": {sql: readings.sql, order_by: ["-id", name]}
  "/filtered":
    sql: filtered.sql
    parameters:
      low: {type: INT64, default: 3, minimum: 0, maximum: 100}
      name: {type: STRING, optional: true}
      kind: {type: STRING, default: a, enum: [a, b]}
      ids: {type: ARRAY<INT64>, optional: true}
      words: {type: ARRAY<STRING>, default: ["x"]}
  "/kept": {sql: count.sql, cache: 2s}
  "/random": {sql: random.sql}
  "/limited/{id}": {sql: one.sql, parameters: {id: INT64}, rate_limit: 3/10s}
  "/slow": {sql: slow.sql, timeout: 0.3s}
  "/slow_long": {sql: slow.sql, timeout: 60s}
  "/few": {sql: readings.sql, max_rows: 3}
"""
FILES = {
    "readings.sql": "SELECT id, name, ratio, amount, tags FROM ds.readings -- all of them",
    "own_order.sql": "SELECT name, id FROM ds.readings WHERE id < 1000 ORDER BY name DESC, 2",
    "filtered.sql": "SELECT @low AS low, @name AS name, @kind AS kind, ARRAY_LENGTH(@ids) AS ids, @words AS words, COUNT(*) AS n "
                    "FROM ds.readings WHERE id >= @low AND (@name IS NULL OR name = @name) AND (@ids IS NULL OR id IN UNNEST(@ids))",
    "count.sql": "SELECT COUNT(*) AS n FROM ds.readings",
    "random.sql": "SELECT RAND() AS r, CURRENT_TIMESTAMP() AS t",
    "one.sql": "SELECT id FROM ds.readings WHERE id = @id",
    "slow.sql": "SELECT SUM(MOD(a * b, 7)) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, UNNEST(GENERATE_ARRAY(1, 100000)) AS b",
}
DIGITS = "12345678901234567890.123456789012345678"


def reading(i):
    return event(id=i, name=None if i % 5 == 0 else f"n{i % 3}", ratio=i / 8 if i % 4 else None,
                 amount=DIGITS if i == 1 else str(i), tags=["t"] * (i % 3))


@pytest.fixture(scope="module")
def api(shared):
    # Twelve rows that cannot be told apart are among them.
    publish(shared, [reading(i) for i in range(60)] + [event(id=7, name="same")] * 12)
    assert shared.outcome("store") == (72, 72, 0, 0)
    return shared


def pages(api, path):
    """Every page's rows, by the Link header; next_cursor must say the same."""
    url = api.doors["api"] + path
    while True:
        answer = requests.get(url, timeout=30)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body["rows"]
        following = answer.links.get("next")
        assert (following is None) == (body["next_cursor"] is None)
        if following is None:
            return
        url = urllib.parse.urljoin(url, following["url"])
        assert urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["cursor"] == [body["next_cursor"]]


def key(row):
    return repr(sorted(row.items()))


@pytest.mark.parametrize("query", ["", "?page_size=1", "?page_size=13", "?page_size=500", "?order_by=-id", "?order_by=name,-id",
                                   "?order_by=-name", "?order_by=ratio", "?order_by=-ratio,id&page_size=11"])
def test_pages_hold_every_row_once_in_order(api, query):
    got = list(itertools.chain(*pages(api, "/readings" + query)))
    everything = api.get("/sorted?order_by=-id").json()["rows"]
    assert len(everything) == 72
    assert sorted(map(key, got)) == sorted(map(key, everything))
    asked = urllib.parse.parse_qs(query[1:]).get("order_by", ["id"])[0].split(",")
    for before, after in itertools.pairwise(got):
        for name in asked:
            descending = name.startswith("-")
            a, b = ((row[name.strip("-")] is not None, row[name.strip("-")]) for row in (before, after))
            if a != b:
                assert (a[0], a[1] or 0) > (b[0], b[1] or 0) if descending and a[0] and b[0] else \
                    (a[0] > b[0] if descending and a[0] != b[0] else a < b), (name, before, after)
                break


def test_an_own_order_by_is_kept_in_pages(api):
    got = list(itertools.chain(*pages(api, "/own_order")))
    names = [row["name"] for row in got]
    assert names == sorted([n for n in names if n], reverse=True) + [None] * names.count(None)
    assert len(got) == 72


def test_pages_stay_right_while_rows_arrive(api):
    seen, late = [], 0
    for number, rows in enumerate(pages(api, "/readings?order_by=id&page_size=10")):
        seen += rows
        if number < 5:
            publish(api, [event(id=10_000 + number, name="behind"), event(id=-1 - number, name="before")])
            api.drain()
            late += 1
    ids = [row["id"] for row in seen if 0 <= row["id"] < 10_000]
    assert len(ids) == 72, "a row was lost or given twice"
    assert [row["id"] for row in seen if row["id"] >= 10_000] == [10_000 + i for i in range(late)]
    assert all(row["id"] >= 0 for row in seen), "rows before the first page's start were not there when it was read"


def test_big_numbers_keep_their_digits_in_pages(api):
    rows = list(itertools.chain(*pages(api, "/readings?order_by=id")))
    assert next(row for row in rows if row["id"] == 1)["amount"] == DIGITS


def test_cursors_hold_for_one_question_and_cannot_be_made(api):
    cursor = api.get("/readings").json()["next_cursor"]
    assert api.get(f"/readings?cursor={cursor}").status_code == 200
    assert api.get(f"/readings?cursor={cursor}&page_size=3").status_code == 200
    for other in (f"/readings?cursor={cursor}&order_by=-id", f"/own_order?cursor={cursor}", f"/readings?cursor={cursor}A",
                  f"/readings?cursor={cursor[:-4]}AAAA", "/readings?cursor=", "/readings?cursor=%00", "/readings?cursor=AAAA",
                  f"/readings?cursor={cursor}&cursor={cursor}"):
        answer = api.get(other)
        assert answer.status_code == 400 and "cursor" in answer.json()["detail"], (other, answer.text)
    for name in ("page_size=0", "page_size=501", "page_size=x", "order_by=amount", "order_by=id,id", "order_by=", "fields=nope",
                 "fields=id,id", "fields="):
        answer = api.get("/readings?" + name)
        assert answer.status_code == 400 and name.split("=")[0] in answer.json()["detail"], (name, answer.text)
    assert api.get("/kept?page_size=3").status_code == 400


def test_fields_and_other_formats(api):
    assert api.get("/readings?fields=name,id&page_size=2&order_by=-id").json()["rows"][0].keys() == {"name", "id"}
    text = api.get("/readings.csv?fields=id&page_size=3&order_by=id")
    assert text.text.splitlines()[0] == "id" and len(text.text.splitlines()) == 4 and "next" in text.links
    assert api.get("/sorted?fields=tags,id").json()["rows"][0].keys() == {"tags", "id"}
    assert api.get("/sorted.ndjson").status_code == 200 and api.get("/sorted.json").json()["rows"]


def test_unchanged_answers_are_304(api):
    first = api.get("/sorted")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache" and "Accept-Encoding" in first.headers["Vary"]
    again = api.get("/sorted", headers={"If-None-Match": f'"other", {tag}'})
    assert again.status_code == 304 and again.content == b"" and again.headers["ETag"] == tag
    assert "Content-Length" not in again.headers
    assert api.get("/sorted?fields=id").headers["ETag"] != tag
    assert api.get("/sorted.csv").headers["ETag"] != tag
    assert api.get("/sorted", headers={"If-None-Match": '"other"'}).status_code == 200
    publish(api, [event(id=20_000, name="new")])
    api.drain()
    changed = api.get("/sorted", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
    head = requests.head(api.doors["api"] + "/sorted", timeout=30)
    assert head.headers["ETag"] == changed.headers["ETag"] and head.content == b""
    random = api.get("/random")
    assert "ETag" not in random.headers and random.json() != api.get("/random").json()


def test_cached_answers_age_and_are_shared(api):
    first = api.get("/kept")
    assert first.headers["Cache-Control"].startswith("private, max-age=")
    publish(api, [event(id=30_000, name="late")])
    api.drain()
    young = api.get("/kept")
    assert young.json() == first.json() and young.headers["ETag"] == first.headers["ETag"]
    assert api.get("/kept", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    wait_until(lambda: api.get("/kept").json()["rows"][0]["n"] == first.json()["rows"][0]["n"] + 1, what="the answer's age")


def test_bodies_are_compressed_when_asked(api):
    plain = api.get("/sorted", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    packed = api.get("/sorted", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    raw = packed.raw.read(decode_content=False)
    assert gzip.decompress(raw) == plain.content and len(raw) < len(plain.content) / 2
    assert api.get("/sorted", headers={"Accept-Encoding": "zstd, gzip;q=0.5"}, stream=True).headers["Content-Encoding"] == "zstd"
    assert "Content-Encoding" not in api.get("/kept", headers={"Accept-Encoding": "gzip"}).headers


def test_parameters_have_defaults_choices_ranges_and_lists(api):
    assert api.get("/filtered").json()["rows"][0].items() >= {"low": 3, "name": None, "kind": "a", "ids": None, "words": ["x"]}.items()
    def row(query):
        return api.get("/filtered?" + query).json()["rows"][0]
    assert row("ids=4,5&ids=6")["ids"] == 3 and row("ids=4&low=0")["n"] == 1
    assert row("words=a,b")["words"] == ["a", "b"] and row("words=a%2Cb")["words"] == ["a,b"]
    assert row("words=a,b&words=c")["words"] == ["a", "b", "c"]
    assert row("name=same&low=7")["n"] == 12
    for query, name in (("low=-1", "low"), ("low=101", "low"), ("kind=c", "kind"), ("ids=1,x", "ids"), ("ids=", "ids")):
        answer = api.get("/filtered?" + query)
        assert answer.status_code == 400 and name in answer.json()["detail"], answer.text


def test_callers_are_limited(api):
    answers = [api.get(f"/limited/{i}") for i in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["X-RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
    refused = answers[3]
    assert refused.headers["X-RateLimit-Limit"] == "3" and 1 <= int(refused.headers["Retry-After"]) <= 4
    assert refused.json()["status"] == 429 and refused.headers["X-Request-Id"]


def test_slow_statements_and_large_answers_are_refused(api):
    answer = api.get("/slow")
    assert answer.status_code == 504 and "SELECT" not in answer.text and "/" not in answer.json()["detail"]
    assert api.get("/few").status_code == 422


def test_a_client_that_leaves_takes_its_statement_along(api):
    for _ in range(20):
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(api.doors["api"] + "/slow_long", timeout=0.1)
    assert api.get("/kept?fields=n").status_code == 200  # the workers are free again


def test_only_listed_pages_may_read(api):
    allowed = api.get("/readings", headers={"Origin": "https://app.example"})
    assert allowed.status_code == 200 and allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Origin" in allowed.headers["Vary"]
    preflight = requests.options(api.doors["api"] + "/readings", timeout=30, headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "GET"})
    assert preflight.status_code == 204 and "GET" in preflight.headers["Access-Control-Allow-Methods"]
    assert api.get("/readings", headers={"Origin": "https://other.example"}).status_code == 403
    assert api.get("/sorted", headers={"Origin": "https://app.example"}).status_code == 403
    plain = requests.options(api.doors["api"] + "/sorted", timeout=30)
    assert plain.status_code == 204 and plain.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert "OPTIONS" in requests.post(api.doors["api"] + "/sorted", timeout=30).headers["Allow"]
