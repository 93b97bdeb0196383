"""BigQuery's REST surface as plain HTTP: what clients do not show, and what must be refused."""
import base64
import gzip
import json
import uuid

import pyarrow
import pytest
import requests
from bigquery_client import Rest, client_of, new_dataset
from instance import wait_until


@pytest.fixture(scope="module")
def rest(shared):
    return Rest(shared)


@pytest.fixture(scope="module")
def dataset(shared):
    return new_dataset(client_of(shared))


def values(answer):
    assert answer.status_code == 200, answer.text
    return [tuple(cell["v"] for cell in row["f"]) for row in answer.json().get("rows", [])]


def test_values_have_bigquerys_forms(rest):
    answer = rest.query("SELECT TIMESTAMP '2024-01-02 03:04:05.25+00' AS t, 1.0 AS f, b'a' AS y, [STRUCT(1 AS x)] AS s, "
                        "CAST(NULL AS INT64) AS n, FALSE AS b")
    assert values(answer) == [("1704164645.25", "1.0", base64.b64encode(b"a").decode(),
                               [{"v": {"f": [{"v": "1"}]}}], None, "false")]
    body = answer.json()
    assert body["jobComplete"] is True and body["totalRows"] == "1" and body["kind"] == "bigquery#queryResponse"
    assert [(f["name"], f["type"], f["mode"]) for f in body["schema"]["fields"]][:4] == [
        ("t", "TIMESTAMP", "NULLABLE"), ("f", "FLOAT", "NULLABLE"), ("y", "BYTES", "NULLABLE"), ("s", "RECORD", "REPEATED")]
    micros = rest.query("SELECT TIMESTAMP '1969-12-31 23:59:59.5+00' AS t", formatOptions={"useInt64Timestamp": True})
    assert values(micros) == [("-500000",)]
    assert values(rest.query("SELECT TIMESTAMP '1969-12-31 23:59:59.5+00' AS t")) == [("-0.5",)]


def test_a_jobs_parameters_are_shown_as_text(rest):
    numbers = {"type": "ARRAY", "arrayType": {"type": "FLOAT64"}}
    job = {"jobReference": {"jobId": f"numbers-{uuid.uuid4().hex}"}, "configuration": {"query": {
        "query": "SELECT @n, @b, @l", "useLegacySql": False, "parameterMode": "NAMED", "queryParameters": [
            {"name": "n", "parameterType": {"type": "INT64"}, "parameterValue": {"value": 7}},
            {"name": "b", "parameterType": {"type": "BOOL"}, "parameterValue": {"value": True}},
            {"name": "l", "parameterType": numbers, "parameterValue": {"arrayValues": [{"value": 1.5}, {"value": "2"}]}}]}}}
    shown = rest("POST", "/jobs", job)
    assert shown.status_code == 200, shown.text
    given = shown.json()["configuration"]["query"]["queryParameters"]
    assert [p["parameterValue"] for p in given] == [{"value": "7"}, {"value": "true"},
                                                    {"arrayValues": [{"value": "1.5"}, {"value": "2"}]}]


def test_errors_are_googles(rest, dataset):
    assert rest.reason(rest.query("SELECT 1", useLegacySql=True), 501) == "notImplemented"
    assert rest.reason(rest.query("SELECT 1", createSession=True), 501) == "notImplemented"
    assert rest.reason(rest.query("SELECT"), 400) == "invalidQuery"
    assert rest.reason(rest.query(""), 400) == "invalid"
    assert rest.reason(rest("GET", "/datasets/none"), 404) == "notFound"
    assert rest.reason(rest("GET", "/nowhere"), 404) == "notFound"
    assert rest.reason(rest("PUT", "/queries", {}), 405) == "methodNotAllowed"
    assert rest.reason(rest("POST", "/queries", data="{nonsense", headers={"Content-Type": "application/json"}), 400) == "parseError"
    assert rest.reason(rest("POST", "/datasets", {"datasetReference": {"datasetId": dataset}}), 409) == "duplicate"
    assert rest.reason(rest("POST", "/datasets", {"datasetReference": {"datasetId": "a b"}}), 400) == "invalid"
    table = {"tableReference": {"tableId": "x"}, "schema": {"fields": [{"name": "a", "type": "GEOGRAPHY"}]}}
    assert rest.reason(rest("POST", f"/datasets/{dataset}/tables", table), 501) == "notImplemented"
    table["schema"]["fields"][0] = {"name": "a", "type": "STRING", "maxLength": "3"}
    assert rest.reason(rest("POST", f"/datasets/{dataset}/tables", table), 501) == "notImplemented"
    table["schema"]["fields"][0] = {"name": "a", "type": "NONSENSE"}
    assert rest.reason(rest("POST", f"/datasets/{dataset}/tables", table), 400) == "invalid"
    deep = "[" * 5000 + "]" * 5000
    assert rest("POST", "/queries", data='{"query":' + deep + "}", headers={"Content-Type": "application/json"}).status_code == 400


def test_a_request_id_runs_once(rest, dataset):
    rest.query(f"CREATE TABLE {dataset}.once (n INT64)")
    name = str(uuid.uuid4())
    first = rest.query(f"INSERT INTO {dataset}.once (n) VALUES (1)", requestId=name)
    second = rest.query(f"INSERT INTO {dataset}.once (n) VALUES (1)", requestId=name)
    assert first.json()["jobReference"] == second.json()["jobReference"]
    assert first.json()["numDmlAffectedRows"] == second.json()["numDmlAffectedRows"] == "1"
    assert values(rest.query(f"SELECT COUNT(*) AS n FROM {dataset}.once")) == [("1",)]
    assert rest.reason(rest.query("SELECT 2", requestId=name), 400) == "invalid"


def test_a_slow_query_is_waited_for_in_turns(rest):
    slow = "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS a, UNNEST(GENERATE_ARRAY(1, 3000)) AS b WHERE MOD(a * b, 7) = 3"
    answer = rest.query(slow, timeoutMs=0)
    job = answer.json()["jobReference"]["jobId"]
    assert answer.status_code == 200
    done = wait_until(lambda: (lambda a: a if a.json().get("jobComplete") else None)(
        rest("GET", f"/queries/{job}?timeoutMs=200")), seconds=60, what="the query")
    assert len(values(done)) == 1


def test_a_running_query_is_cancelled(rest):
    endless = ("SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, UNNEST(GENERATE_ARRAY(1, 100000)) AS b "
               "WHERE MOD(a * b, 7) = 3")
    job = rest("POST", "/jobs", {"configuration": {"query": {"query": endless, "useLegacySql": False}}}).json()
    name = job["jobReference"]["jobId"]
    assert job["status"]["state"] != "DONE"
    assert rest("POST", f"/jobs/{name}/cancel").status_code == 200
    done = wait_until(lambda: (lambda j: j if j["status"]["state"] == "DONE" else None)(rest("GET", f"/jobs/{name}").json()),
                      seconds=60, what="the end of the cancelled job")
    assert done["status"]["errorResult"]["reason"] == "stopped"


def test_paging_of_tables(rest, dataset):
    rest.query(f"CREATE TABLE {dataset}.pages AS SELECT n, [n] AS a FROM UNNEST(GENERATE_ARRAY(0, 99)) AS n")
    path = f"/datasets/{dataset}/tables/pages/data"
    seen, token = [], ""
    while True:
        page = rest("GET", path, params={"maxResults": 30, "pageToken": token, "selectedFields": "n"})
        seen += values(page)
        assert page.json()["totalRows"] == "100"
        token = page.json().get("pageToken")
        if not token:
            break
    assert [int(row[0]) for row in seen] == list(range(100))
    assert values(rest("GET", path, params={"startIndex": 98, "selectedFields": "n"})) == [("98",), ("99",)]
    assert values(rest("GET", path, params={"startIndex": 500})) == []
    assert rest.reason(rest("GET", path, params={"pageToken": "zzz"}), 400) == "invalid"
    assert rest.reason(rest("GET", path, params={"maxResults": "-1"}), 400) == "invalid"
    assert rest.reason(rest("GET", path, params={"selectedFields": "nope"}), 400) == "invalid"


def test_fields_etags_and_gzip(rest, dataset):
    rest.query(f"CREATE TABLE {dataset}.tags (n INT64, s STRING)")
    path = f"/datasets/{dataset}/tables/tags"
    whole = rest("GET", path)
    tag = whole.headers["ETag"]
    assert rest("GET", path, headers={"If-None-Match": tag}).status_code == 304
    assert rest.reason(rest("PATCH", path, {"description": "x"}, headers={"If-Match": '"other"'}), 412) == "conditionNotMet"
    assert rest("PATCH", path, {"description": "x"}, headers={"If-Match": tag}).status_code == 200
    assert rest("GET", path, headers={"If-None-Match": tag}).status_code == 200
    few = rest("GET", path, params={"fields": "kind,schema(fields/name),tableReference/tableId"}).json()
    assert few == {"kind": "bigquery#table", "schema": {"fields": [{"name": "n"}, {"name": "s"}]},
                   "tableReference": {"tableId": "tags"}}
    assert rest.reason(rest("GET", path, params={"fields": "a((("}), 400) == "invalid"
    rows = rest.query("SELECT REPEAT('x', 5000) AS s").json()["jobReference"]["jobId"]
    raw = requests.get(f"{rest.base}/queries/{rows}", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=60)
    assert raw.headers["Content-Encoding"] == "gzip" and b"xxxxx" in gzip.decompress(raw.raw.read())
    assert set(rest("GET", f"/queries/{rows}", params={"fields": "jobComplete,rows"}).json()) == {"jobComplete", "rows"}


def send_packed(rest, body, coding="gzip", path="/queries"):
    return rest("POST", path, data=body, headers={"Content-Encoding": coding, "Content-Type": "application/json"})


def test_packed_bodies_are_read(rest):
    query = {"query": "SELECT 40 + 2 AS n", "useLegacySql": False}
    plain = json.dumps(query).encode()
    for coding, body in (("gzip", gzip.compress(plain)), ("x-gzip", gzip.compress(plain[:9]) + gzip.compress(plain[9:])),
                         ("zstd", pyarrow.Codec("zstd").compress(plain, asbytes=True)), ("identity", plain)):
        assert values(send_packed(rest, body, coding)) == [("42",)], coding
    # So is the resource that begins an upload.
    start = requests.post(f"{rest.root}/upload/bigquery/v2/{rest.base.split('/v2/')[1]}/jobs?uploadType=resumable", timeout=60,
                          data=gzip.compress(b'{"configuration": {"query": {}}}'),
                          headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
    assert start.headers["Location"].startswith(rest.root), start.text


def test_packed_bodies_that_are_refused(rest, shared):
    packed = gzip.compress(json.dumps({"query": "SELECT 1 AS n", "useLegacySql": False}).encode())
    for broken in (packed[:-1], packed[:12], packed + b"more", b"\x1f\x8b" + b"\0" * 40, b'{"query": "SELECT 1"}',
                   packed[:-8] + b"\0" * 8):
        answer = send_packed(rest, broken)
        assert rest.reason(answer, 400) == "invalid", broken
    unread = send_packed(rest, packed, "br")
    assert rest.reason(unread, 415) == "invalid" and "gzip" in unread.headers["Accept-Encoding"]
    before = shared.resident_bytes()
    for size in (1 << 30, (32 << 20) + 1):
        bomb = gzip.compress(b" " * size, 1)
        assert rest.reason(send_packed(rest, bomb), 413) == "uploadTooLarge"
    assert shared.resident_bytes() - before < 96 << 20
    assert values(send_packed(rest, packed)) == [("1",)]


def test_a_resumable_upload_in_both_forms(rest, dataset):
    """Go's client posts the parts and, as HTTP's 308 is a redirect, asks for 200 with a header instead."""
    resource = {"configuration": {"load": {
        "sourceFormat": "NEWLINE_DELIMITED_JSON", "schema": {"fields": [{"name": "n", "type": "INT64"}]},
        "destinationTable": {"projectId": rest.base.rsplit("/", 1)[1], "datasetId": dataset, "tableId": "resumed"}}}}
    data = b'{"n": 1}\n{"n": 2}\n'
    for verb, headers, status in (("POST", {"X-GUploader-No-308": "yes"}, 200), ("PUT", {}, 308)):
        start = requests.post(f"{rest.root}/upload/bigquery/v2/{rest.base.split('/v2/')[1]}/jobs?uploadType=resumable",
                              json=resource, headers=headers, timeout=60)
        place = start.headers["Location"]
        half = requests.request(verb, place, data=data[:9], timeout=60,
                                headers={**headers, "Content-Range": f"bytes 0-8/{len(data)}"})
        assert half.status_code == status and half.headers["Range"] == "bytes=0-8"
        assert half.headers.get("X-Http-Status-Code-Override") == ("308" if status == 200 else None)
        asked = requests.request(verb, place, timeout=60, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
        assert asked.status_code == status and asked.headers["Range"] == "bytes=0-8"
        last = requests.request(verb, place, data=data[9:], timeout=60,
                                headers={**headers, "Content-Range": f"bytes 9-{len(data) - 1}/{len(data)}"})
        job = last.json()["jobReference"]["jobId"]
        assert last.status_code == 200 and "X-Http-Status-Code-Override" not in last.headers
        done = wait_until(lambda name=job: (lambda j: j if j["status"]["state"] == "DONE" else None)(
            rest("GET", f"/jobs/{name}").json()), seconds=60, what="the load")
        assert "errorResult" not in done["status"], done
    assert values(rest.query(f"SELECT n FROM {dataset}.resumed ORDER BY n")) == [("1",), ("1",), ("2",), ("2",)]


def test_a_method_named_by_a_header(rest, dataset):
    """Java's client sends POST for PATCH."""
    changed = rest("POST", f"/datasets/{dataset}", {"description": "changed"}, headers={"X-HTTP-Method-Override": "PATCH"})
    assert changed.status_code == 200 and rest("GET", f"/datasets/{dataset}").json()["description"] == "changed"
    assert rest("GET", f"/datasets/{dataset}", headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 200
    assert rest.reason(rest("POST", f"/datasets/{dataset}", {}, headers={"X-HTTP-Method-Override": "MERGE"}), 405) == "methodNotAllowed"


def test_template_suffix(rest, dataset):
    rest.query(f"CREATE TABLE {dataset}.base (n INT64)")
    answer = rest("POST", f"/datasets/{dataset}/tables/base/insertAll",
                  {"templateSuffix": "_2024", "rows": [{"json": {"n": "5"}}]})
    assert answer.status_code == 200 and "insertErrors" not in answer.json()
    assert values(rest.query(f"SELECT n FROM {dataset}.base_2024")) == [("5",)]
    assert values(rest.query(f"SELECT n FROM {dataset}.base")) == []


def test_lists_that_are_empty_and_the_project(rest, dataset):
    assert rest("GET", f"/datasets/{dataset}/routines").json() == {"routines": []}
    assert rest("GET", f"/datasets/{dataset}/models").json() == {"models": []}
    assert rest.reason(rest("GET", f"/datasets/{dataset}/models/m"), 404) == "notFound"
    projects = requests.get(f"{rest.root}/bigquery/v2/projects", timeout=60).json()["projects"]
    assert [p["id"] for p in projects] == [rest.base.rsplit("/", 1)[1]]
    assert "@" in rest("GET", "/serviceAccount").json()["email"]
    for path in ("discovery/v1/apis/bigquery/v2/rest", "$discovery/rest?version=v2"):
        document = requests.get(f"{rest.root}/{path}", timeout=60).json()
        assert document["resources"]["jobs"]["methods"]["query"]["path"] == "projects/{+projectId}/queries"


def routine(name, body, **more):
    return {"routineReference": {"routineId": name}, "routineType": "SCALAR_FUNCTION", "definitionBody": body, **more}


def test_routines(rest, dataset):
    path = f"/datasets/{dataset}/routines"
    assert rest("POST", path, routine("one", "1 -- one")).status_code == 200
    assert rest.query(f"SELECT {dataset}.one() AS n").json()["rows"] == [{"f": [{"v": "1"}]}]
    table = {"typeKind": "STRUCT", "structType": {"fields": [{"name": "a b", "type": {"typeKind": "STRING"}}]}}
    rest("POST", path, {**routine("p", "SET b = a + 1", arguments=[
        {"name": "a", "mode": "IN", "dataType": {"typeKind": "INT64"}},
        {"name": "b", "mode": "OUT", "dataType": {"typeKind": "INT64"}}]), "routineType": "PROCEDURE"}).raise_for_status()
    called = rest.query(f"DECLARE x INT64; CALL {dataset}.p(41, x); SELECT x").json()
    assert called["rows"] == [{"f": [{"v": "42"}]}]
    rest("POST", path, routine("s", "s.`a b`", arguments=[{"name": "s", "dataType": table}])).raise_for_status()
    assert rest("GET", path + "/s").json()["arguments"] == [{"name": "s", "dataType": table}]
    listed = rest("GET", path).json()["routines"]
    assert [r["routineReference"]["routineId"] for r in listed] == ["one", "p", "s"] and "definitionBody" not in listed[0]
    first = rest("GET", path + "?maxResults=2").json()
    assert len(first["routines"]) == 2
    assert len(rest("GET", f"{path}?pageToken={first['nextPageToken']}").json()["routines"]) == 1
    only = rest("GET", path + "?filter=routineType:PROCEDURE").json()["routines"]
    assert [r["routineType"] for r in only] == ["PROCEDURE"]
    stale = rest("GET", path + "/one").json()["etag"]
    assert rest("PUT", path + "/one", routine("one", "2")).json()["definitionBody"] == "2"
    refused = rest("PUT", path + "/one", routine("one", "3"), headers={"If-Match": stale})
    assert rest.reason(refused, 412) == "conditionNotMet"
    assert rest("DELETE", path + "/one").status_code == 204
    assert rest.reason(rest("DELETE", path + "/one"), 404) == "notFound"


def test_routines_that_are_refused(rest, shared):
    dataset = new_dataset(client_of(shared))
    path = f"/datasets/{dataset}/routines"
    escape = routine("x", f"1); DROP SCHEMA {dataset} CASCADE; SELECT (1")
    assert rest.reason(rest("POST", path, escape), 400) == "invalidQuery"
    name = routine("x` () AS (1); --", "1")
    assert rest.reason(rest("POST", path, name), 400) == "invalid"
    argument = routine("x", "1", arguments=[{"name": "a` INT64) AS (1); --", "dataType": {"typeKind": "INT64"}}])
    assert rest.reason(rest("POST", path, argument), 400) == "invalid"
    assert rest.reason(rest("POST", path, routine("x", "nothing")), 400) == "invalidQuery"
    assert rest.reason(rest("POST", path, routine("x", "")), 400) == "invalid"
    for key, value in (("importedLibraries", ["gs://b/l.js"]), ("description", "d"), ("language", "PYTHON"),
                       ("routineType", "AGGREGATE_FUNCTION"), ("strictMode", False)):
        assert rest.reason(rest("POST", path, {**routine("x", "1"), key: value}), 501) == "notImplemented", key
    assert rest("GET", path).json()["routines"] == []


def test_timestamps_in_three_forms(rest):
    def answer(**options):
        return rest.query("SELECT TIMESTAMP '2024-02-29 01:02:03.5+00' AS t", formatOptions=options).json()

    def cell(given):
        return given["rows"][0]["f"][0]["v"]

    assert cell(answer()) == "1709168523.5"
    assert cell(answer(useInt64Timestamp=True)) == "1709168523500000"
    whole = answer(timestampOutputFormat="ISO8601_STRING")
    assert cell(whole).startswith("2024-02-29T01:02:03.5") and cell(whole).endswith("Z")
    job = f"/queries/{whole['jobReference']['jobId']}?formatOptions.timestampOutputFormat="
    assert cell(rest("GET", job + "INT64").json()) == "1709168523500000"
    assert cell(rest("GET", job + "FLOAT64").json()) == "1709168523.5"
    assert rest.reason(rest("GET", job + "WORDS"), 400) == "invalid"


def test_other_sites_pages_are_refused(rest):
    assert rest.reason(rest("GET", "/datasets", headers={"Host": "evil.example"}), 403) == "accessDenied"
    assert rest.reason(rest("GET", "/datasets", headers={"Origin": "https://evil.example"}), 403) == "accessDenied"


def test_jobs_survive_a_kill(launch):
    instance = launch(name="kept")
    rest = Rest(instance)
    body = {"jobReference": {"jobId": "kept_1"}, "configuration": {"query": {"query": "SELECT 1 AS one", "useLegacySql": False}}}
    assert rest("POST", "/jobs", body).status_code == 200
    done = rest.query("CREATE SCHEMA kept_ds").json()["jobReference"]["jobId"]
    endless = ("SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, UNNEST(GENERATE_ARRAY(1, 100000)) AS b "
               "WHERE MOD(a * b, 7) = 3")
    body = {"jobReference": {"jobId": "kept_2"}, "configuration": {"query": {"query": endless, "useLegacySql": False}}}
    assert rest("POST", "/jobs", body).status_code == 200
    instance.restart(keep_ports=True)
    found = rest("GET", f"/jobs/{done}").json()
    assert found["status"] == {"state": "DONE"} and found["statistics"]["query"]["ddlOperationPerformed"] == "CREATE"
    broken = rest("GET", "/jobs/kept_2").json()["status"]
    assert broken["state"] == "DONE" and "interrupted" in broken["errorResult"]["message"]
    assert rest("GET", "/jobs/kept_1").status_code == 200
    body["jobReference"]["jobId"] = "kept_1"
    assert rest.reason(rest("POST", "/jobs", body), 409) == "duplicate"
