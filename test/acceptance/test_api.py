"""The API: typed parameters, named errors, OpenAPI, and no way in for text."""
import http.client
import re
import socket
import urllib.parse

import pytest
import requests
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate as validate_openapi
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from pipeline import event, publish

SPEC = """\
project: test-project
topics: {Data: {}}
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
          - {name: tags, type: STRING, mode: REPEATED}
          - {name: seen, type: TIMESTAMP}
functions:
  store: {topic: Data, table: ds.events}
endpoints:
  "/events/{id}":
    summary: One event
    sql: event.sql
    parameters: {id: INT64}
  "/app_info/{id}:{name}":
    sql: pair.sql
    parameters: {id: INT64, name: STRING}
  "/named/{name}": {sql: named.sql, parameters: {name: STRING}}
  "/echo":
    summary: Gives its parameters back
    sql: echo.sql
    parameters: {i: INT64, f: FLOAT64, n: NUMERIC, b: BOOL, s: STRING, y: BYTES, d: DATE, dt: DATETIME, t: TIME, ts: TIMESTAMP}
  "/all": {sql: all.sql}
  "/divide/{by}": {sql: divide.sql, parameters: {by: INT64}}
"""
FILES = {
    "event.sql": "SELECT id, name, amount, day, flag, ratio, tags, seen FROM ds.events WHERE id = @id",
    "pair.sql": "SELECT id, name FROM ds.events WHERE id = @id AND name = @name",
    "named.sql": "SELECT id, name FROM ds.events WHERE name = @name ORDER BY id",
    "echo.sql": "SELECT @i AS i, @f AS f, @n AS n, @b AS b, @s AS s, @y AS y, @d AS d, @dt AS dt, @t AS t, @ts AS ts",
    "all.sql": "SELECT id, name, amount, day, flag, ratio, tags, seen FROM ds.events ORDER BY id",
    "divide.sql": "SELECT 10 / @by AS quotient",
}
ECHO = {"i": "-9223372036854775808", "f": "1.5e300", "n": "12.345", "b": "true", "s": "ñ x", "y": "AP8=",
        "d": "2026-02-28", "dt": "2026-02-28T01:02:03.5", "t": "23:59:59.25", "ts": "2026-02-28T00:00:00Z"}
INJECTIONS = ["x' OR '1'='1", "x'; DROP TABLE ds.events; --", "x\" OR 1=1 --", "x' UNION SELECT 1, 'u' --", "@id",
              "${name}", "%27%20OR%201=1", "\\' OR 1=1", "$1", "?", "NULL", "'||(SELECT name FROM ds.events)||'", "`", ";"]


@pytest.fixture(scope="module")
def api(shared):
    publish(shared, [
        event(id=1, name="Ana", amount="12.5", day="2026-11-24", flag=True, ratio=0.5, tags=["a", "b"],
              seen="2026-11-24T08:00:00Z"),
        event(id=2, name=None), event(id=3, name=INJECTIONS[0]), event(id=4, name="a/b c:d"), event(id=5, name="Ana"),
        event(id=-6, name="minus")])
    assert shared.outcome("store") == (6, 6, 0, 0)
    return shared


def problem(answer, status, *named):
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status and body["title"]
    for name in named:
        assert name in body.get("detail", "") + str(body), body
    return body


def test_an_endpoint_answers_rows_with_their_types(api):
    answer = api.get("/events/1")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"rows": [{
        "id": 1, "name": "Ana", "amount": "12.5", "day": "2026-11-24", "flag": True, "ratio": 0.5, "tags": ["a", "b"],
        "seen": "2026-11-24T08:00:00Z"}], "next_cursor": None}


def test_null_is_null_and_an_empty_array_is_empty(api):
    assert api.get("/events/2").json()["rows"] == [{
        "id": 2, "name": None, "amount": None, "day": None, "flag": None, "ratio": None, "tags": [], "seen": None}]


def test_no_row_is_200_with_an_empty_list(api):
    answer = api.get("/events/404")
    assert answer.status_code == 200 and answer.json() == {"rows": [], "next_cursor": None}


def test_two_parameters_in_one_segment_are_told_apart(api):
    assert api.get("/app_info/1:Ana").json()["rows"] == [{"id": 1, "name": "Ana"}]
    assert api.get("/app_info/5:Ana").json()["rows"] == [{"id": 5, "name": "Ana"}]
    assert api.get("/app_info/1:Bob").json()["rows"] == []
    assert api.get("/app_info/-6:minus").json()["rows"] == [{"id": -6, "name": "minus"}]


def test_an_encoded_slash_stays_inside_the_value(api):
    assert api.get("/named/a%2Fb%20c%3Ad").json()["rows"] == [{"id": 4, "name": "a/b c:d"}]
    problem(api.get("/named/a/b%20c:d"), 404)


def test_query_parameters_of_every_type_come_back_as_they_went_in(api):
    [row] = api.get("/echo", params=ECHO).json()["rows"]
    assert row == {"i": -9223372036854775808, "f": 1.5e300, "n": "12.345", "b": True, "s": "ñ x", "y": "AP8=",
                   "d": "2026-02-28", "dt": row["dt"], "t": row["t"], "ts": "2026-02-28T00:00:00Z"}
    assert re.fullmatch(r"2026-02-28T01:02:03\.50*", row["dt"]) and re.fullmatch(r"23:59:59\.250*", row["t"])


@pytest.mark.parametrize("name, value", [
    ("i", "seven"), ("i", "1.5"), ("i", "9223372036854775808"), ("i", ""), ("i", "1 "), ("i", "1;"), ("f", "half"),
    ("n", "1e99"), ("n", "x"), ("b", "maybe"), ("y", "%%%"), ("d", "2026-02-30"), ("d", "today"), ("dt", "noon"),
    ("t", "25:00:00"), ("ts", "soon"), ("ts", "10000-01-01T00:00:00Z")])
def test_a_parameter_of_the_wrong_type_is_a_400_that_names_it(api, name, value):
    body = problem(api.get("/echo", params={**ECHO, name: value}), 400)
    assert re.search(rf"\b{name}\b", body.get("detail", "")), body


@pytest.mark.parametrize("path, name", [("/events/abc", "id"), ("/events/1.5", "id"), ("/events/99999999999999999999", "id"),
                                        ("/app_info/x:Ana", "id"), ("/events/%00", "id"), ("/events/1%20", "id")])
def test_a_path_parameter_of_the_wrong_type_is_a_400_that_names_it(api, path, name):
    problem(api.get(path), 400, name)


def test_a_missing_an_unknown_and_a_repeated_parameter_are_400s_that_name_them(api):
    problem(api.get("/echo", params={k: v for k, v in ECHO.items() if k != "n"}), 400, "n")
    problem(api.get("/echo", params={**ECHO, "colour": "red"}), 400, "colour")
    problem(api.get("/events/1?colour=red"), 400, "colour")
    problem(api.get("/echo", params=[*ECHO.items(), ("i", "2")]), 400, "i")


def test_invalid_utf8_in_a_value_is_a_400(api):
    for value in ("%ff", "%c3", "%ed%a0%80", "a%c0%80"):
        for path in (f"/named/{value}", f"/app_info/1:{value}"):
            problem(api.get(path), 400, "name")
    problem(raw_get(api, "/named/%zz"), 400)
    problem(raw_get(api, "/named/%f"), 400)
    query = "&".join(f"{name}={urllib.parse.quote(text)}" for name, text in ECHO.items() if name != "s")
    problem(api.get(f"/echo?{query}&s=%ff"), 400, "s")


def raw_get(api, path):
    """GET with the path exactly as written: requests and urllib3 would tidy it up."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(api.doors["api"]).netloc, timeout=10)
    connection.request("GET", path)
    received = connection.getresponse()
    answer = requests.Response()
    answer.status_code = received.status
    answer.headers.update(received.getheaders())
    answer.raw = received
    answer._content = received.read()
    connection.close()
    return answer


@pytest.mark.parametrize("path", ["/", "/event", "/events", "/events/", "/events/1/2", "/Events/1", "//events/1",
                                  "/app_info/1", "/app_info/:", "/../etc/passwd", "/events/../all"])
def test_an_unknown_path_is_a_404(api, path):
    problem(raw_get(api, path), 404)


def test_another_method_is_a_405_that_says_what_is_allowed(api):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = requests.request(method, api.doors["api"] + "/events/1", timeout=10)
        problem(answer, 405)
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_value_stays_a_value(api, text):
    rows = api.get("/named/" + urllib.parse.quote(text, safe="")).json()["rows"]
    assert rows == ([{"id": 3, "name": text}] if text == INJECTIONS[0] else [])
    [row] = api.get("/echo", params={**ECHO, "s": text}).json()["rows"]
    assert row["s"] == text
    assert api.value("SELECT COUNT(*) AS n FROM ds.events") == 6


def test_an_error_of_the_statement_is_a_named_problem_and_never_a_200(api):
    assert api.get("/divide/4").json()["rows"] == [{"quotient": 2.5}]
    answer = api.get("/divide/0")
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_health_answers(api):
    assert api.get("/health").status_code == 200
    assert api.admin("/healthz").status_code == 200 and api.admin("/readyz").status_code == 200


def test_head_answers_like_get_without_a_body(api):
    answer = requests.head(api.doors["api"] + "/events/1", timeout=10)
    assert answer.status_code in (200, 405) and answer.content == b""


GROWING = {
    "ordered": "SELECT id, name FROM ds.events ORDER BY name",
    "grouped": "SELECT id, COUNT(*) AS n FROM ds.events GROUP BY id ORDER BY id",
    "distinct": "SELECT DISTINCT name FROM ds.events ORDER BY name",
    "filtered": "SELECT id FROM ds.events WHERE id > 500 ORDER BY id",
    "joined": "SELECT a.id, b.name FROM ds.events AS a JOIN ds.events AS b ON a.id = b.id ORDER BY a.id",
    "aggregated": "SELECT MAX(id) AS top, MIN(name) AS first, SUM(id) AS total FROM ds.events",
    "ranked": "SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS k FROM ds.events ORDER BY id",
    "unknown": "SELECT id FROM ds.events WHERE name IS NULL ORDER BY id",
}


def test_a_prepared_answer_follows_the_table_as_its_values_outgrow_what_was_there(launch):
    """A plan made from the table's first values must not decide about its later ones."""
    endpoints = "".join(f'  "/{name}": {{sql: {name}.sql}}\n' for name in GROWING)
    instance = launch(SPEC + endpoints, {**FILES, **{f"{name}.sql": sql for name, sql in GROWING.items()}})
    stored = {}
    for batch in ({1: "a", 2: "b"}, {1000: "a longer name than before"}, {-70_000: "c", 70_000: "d" * 300},
                  {1 << 40: "e", -(1 << 62): None}):
        publish(instance, [event(id=k, name=v) for k, v in batch.items()])
        instance.drain()
        stored.update(batch)
        ids, names = sorted(stored), sorted(v for v in stored.values() if v)
        by_name = sorted(stored.items(), key=lambda item: (item[1] is not None, item[1] or ""))
        expected = {
            "ordered": [{"id": k, "name": v} for k, v in by_name],
            "grouped": [{"id": k, "n": 1} for k in ids],
            "distinct": [{"name": None}] * (None in stored.values()) + [{"name": v} for v in names],
            "filtered": [{"id": k} for k in ids if k > 500],
            "joined": [{"id": k, "name": stored[k]} for k in ids],
            "aggregated": [{"top": ids[-1], "first": names[0], "total": sum(ids)}],
            "ranked": [{"id": k, "k": place} for place, k in enumerate(ids, 1)],
            "unknown": [{"id": k} for k in ids if stored[k] is None],
        }
        for name, sql in GROWING.items():
            answer = instance.get(f"/{name}")
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json()["rows"] == expected[name], name
            assert instance.query(sql) == expected[name], name


# OpenAPI and its page.

def test_openapi_is_valid_and_describes_every_endpoint(api):
    answer = api.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    document = answer.json()
    validate_openapi(document)
    paths = set(document["paths"])
    assert {"/events/{id}", "/app_info/{id}:{name}", "/named/{name}", "/echo", "/all", "/health"} <= paths
    assert document["paths"]["/events/{id}"]["get"]["summary"] == "One event"
    parameters = {p["name"]: p for p in document["paths"]["/echo"]["get"]["parameters"]}
    assert set(ECHO) <= set(parameters) and all(parameters[name]["in"] == "query" for name in ECHO)
    [by_id] = [p for p in document["paths"]["/events/{id}"]["get"]["parameters"] if p["name"] == "id"]
    assert by_id["in"] == "path" and by_id["required"] is True and by_id["schema"]["type"] == "integer"
    assert "400" in document["paths"]["/echo"]["get"]["responses"]


def schema_of(document, path, status, kind="application/json"):
    registry = Registry().with_resource("urn:openapi", Resource.from_contents(document, DRAFT202012))
    assert kind in document["paths"][path]["get"]["responses"][status]["content"]
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in (
        "paths", path, "get", "responses", status, "content", kind, "schema"))
    return Draft202012Validator({"$ref": "urn:openapi#/" + urllib.parse.quote(pointer, safe="/~")}, registry=registry)


def test_real_answers_match_the_schemas_of_openapi_and_wrong_ones_do_not(api):
    document = api.get("/openapi.json").json()
    for path, url in (("/events/{id}", "/events/1"), ("/events/{id}", "/events/2"), ("/events/{id}", "/events/404"),
                      ("/all", "/all"), ("/named/{name}", "/named/Ana"),
                      ("/echo", "/echo?" + urllib.parse.urlencode(ECHO))):
        answer = api.get(url)
        assert answer.status_code == 200
        schema_of(document, path, "200").validate(answer.json())
    schema_of(document, "/events/{id}", "400", "application/problem+json").validate(api.get("/events/x").json())
    schema = schema_of(document, "/all", "200")
    good = api.get("/all").json()
    for wrong in ({"rows": "x"}, {}, {"rows": [{**good["rows"][0], "id": "one"}], "next_cursor": None},
                  {"rows": [{**good["rows"][0], "tags": "a"}], "next_cursor": None},
                  {"rows": [{**good["rows"][0], "flag": 1}], "next_cursor": None}):
        assert not schema.is_valid(wrong), wrong


def test_docs_are_one_page_without_outside_assets(api):
    answer = api.get("/docs")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    text = answer.text
    for reference in re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", text):
        assert not re.match(r"(?:[a-z]+:)?//", reference), f"{reference} comes from outside"
        if reference.startswith(("#", "data:", "javascript:")) or "{" in reference or "$" in reference:
            continue
        assert not reference.startswith("/"), f"{reference} breaks behind a path prefix"
        assert api.get("/" + reference).status_code == 200, reference
    assert not re.search(r"@import|url\(\s*[\"']?https?:", text)


# Who may ask.

@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
                                  "169.254.169.254", "user@evil.example", ""])
@pytest.mark.parametrize("door, path", [("api", "/events/1"), ("admin", "/metrics"), ("admin", "/v1/check"),
                                        ("pubsub", "/v1/projects/test-project/topics/Data")])
def test_a_request_for_another_sites_name_is_refused(api, door, path, host):
    url = api.doors[door] if door != "pubsub" else "http://" + api.doors[door]
    answer = requests.get(url + path, headers={"Host": host}, timeout=10)
    assert answer.status_code in (400, 403, 421), (answer.status_code, answer.text)
    assert "Ana" not in answer.text and "store" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_loopback_names_are_answered(api, host):
    port = api.doors["api"].rsplit(":", 1)[1]
    for value in (host, f"{host}:{port}"):
        assert requests.get(api.doors["api"] + "/events/1", headers={"Host": value}, timeout=10).status_code == 200


def test_health_answers_to_any_host(api):
    answer = requests.get(api.doors["api"] + "/health", headers={"Host": "probe.example"}, timeout=10)
    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost.evil.example", "null"])
def test_a_request_from_another_sites_page_is_refused(api, origin):
    answer = requests.post(api.doors["admin"] + "/v1/query", json={"sql": "SELECT 1 AS x"},
                           headers={"Origin": origin}, timeout=10)
    assert answer.status_code == 403, (answer.status_code, answer.text)
    answer = api.rest("POST", "projects/test-project/topics/Data:publish", {"messages": [{"data": "eA=="}]},
                      headers={"Origin": origin})
    assert answer.status_code == 403, (answer.status_code, answer.text)
    assert api.value("SELECT COUNT(*) AS n FROM ds.events") == 6


def test_both_loopback_addresses_serve_the_api(api):
    port = int(api.doors["api"].rsplit(":", 1)[1])
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, port), timeout=5) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_metrics_are_prometheus_text(api):
    answer = api.admin("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    label = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"'
    line = re.compile(rf"(#.*|[a-zA-Z_:][\w:]*(\{{{label}(,{label})*,?\}})? (NaN|[+-]?Inf|[-+0-9.e]+)( \d+)?|)")
    for text in answer.text.split("\n"):
        assert line.fullmatch(text), text
    assert 'afluente_function_messages_total{' in answer.text
