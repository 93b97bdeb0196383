"""Arrow and Parquet answers read back, value by value."""
import base64
import datetime
import decimal
import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest
import requests

SPEC = """\
project: test-project
topics:
  Back: {message_retention_duration: 3600s}
endpoints:
  "/typed": {sql: typed.sql}
  "/none": {sql: none.sql}
  "/span": {sql: span.sql}
  "/many": {sql: many.sql, max_rows: 100000}
  "/few": {sql: many.sql, max_rows: 10}
"""
FILES = {
    "typed.sql": """\
SELECT i, 'ñ' AS s, i / 2 AS f, TRUE AS b, CAST('-12345678901234567890123456789.123456789' AS NUMERIC) AS n,
       CAST('12345678901234567890.123456789012345678' AS BIGNUMERIC) AS big, b'\\x00\\xff' AS y, DATE '2026-02-28' AS d,
       TIME '23:59:59.25' AS t, DATETIME '2026-02-28 01:02:03.5' AS dt, TIMESTAMP '2026-02-28 01:02:03.000001+00' AS ts,
       JSON '{"a": [1]}' AS j, IF(i = 2, NULL, [i, i + 1]) AS a, STRUCT(i AS x, ['p', NULL] AS y) AS st, IF(i = 2, NULL, i) AS maybe
FROM UNNEST([1, 2, 3]) AS i ORDER BY i""",
    "span.sql": """\
SELECT MAKE_INTERVAL(1, 2, 3, 4, 5, 6) AS span, RANGE(DATE '2026-01-01', DATE '2026-02-01') AS during,
       [STRUCT(1 AS a, 'x' AS b), STRUCT(2, NULL)] AS pairs, CAST(NULL AS STRING) AS nothing, CAST('nan' AS FLOAT64) AS odd""",
    "many.sql": "SELECT n, CONCAT('row ', CAST(n AS STRING)) AS text FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS n ORDER BY n",
    "none.sql": "SELECT 1 AS x FROM UNNEST([1]) WHERE FALSE",
}


def arrow(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    return pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()


@pytest.mark.parametrize("ask", ["suffix", "accept", "gzip"])
def test_arrow_streams_have_exact_types_and_values(shared, ask):
    if ask == "suffix":
        table = arrow(shared.get("/typed.arrow"))
    else:
        encoding = "gzip" if ask == "gzip" else "identity"
        table = arrow(shared.get("/typed", headers={"Accept": "application/vnd.apache.arrow.stream", "Accept-Encoding": encoding}))
    types = {field.name: field.type for field in table.schema}
    assert types["i"] == pa.int64() and types["s"] == pa.string() and types["f"] == pa.float64() and types["b"] == pa.bool_()
    assert types["n"] == pa.decimal128(38, 9) and types["big"] == pa.decimal256(76, 38) and types["y"] == pa.binary()
    assert types["d"] == pa.date32() and types["t"] == pa.time64("us") and types["dt"] == pa.timestamp("us")
    assert types["ts"] == pa.timestamp("us", tz="UTC") and types["a"] == pa.list_(pa.int64())
    assert types["st"] == pa.struct([("x", pa.int64()), ("y", pa.list_(pa.string()))])
    rows = table.to_pylist()
    assert [row["i"] for row in rows] == [1, 2, 3] and [row["maybe"] for row in rows] == [1, None, 3]
    first = rows[0]
    assert first["n"] == decimal.Decimal("-12345678901234567890123456789.123456789") and first["s"] == "ñ" and first["f"] == 0.5
    assert first["big"] == decimal.Decimal("12345678901234567890.123456789012345678") and first["y"] == b"\x00\xff"
    assert first["d"] == datetime.date(2026, 2, 28) and first["t"] == datetime.time(23, 59, 59, 250000)
    assert first["dt"] == datetime.datetime(2026, 2, 28, 1, 2, 3, 500000)
    assert first["ts"] == datetime.datetime(2026, 2, 28, 1, 2, 3, 1, tzinfo=datetime.timezone.utc)
    assert first["a"] == [1, 2] and first["st"] == {"x": 1, "y": ["p", None]} and str(first["j"]).replace(" ", "") == '{"a":[1]}'


def test_no_row_is_an_arrow_stream_with_its_schema(shared):
    table = arrow(shared.get("/none.arrow"))
    assert table.num_rows == 0 and table.schema.names == ["x"]


PARQUET = "application/vnd.apache.parquet"


def parquet(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == PARQUET and "content-encoding" not in answer.headers
    assert answer.content.startswith(b"PAR1") and answer.content.endswith(b"PAR1")
    return pyarrow.parquet.read_table(io.BytesIO(answer.content))


@pytest.mark.parametrize("ask", ["suffix", "accept", "gzip"])
def test_parquet_files_have_exact_types_and_values(shared, ask):
    if ask == "suffix":
        table = parquet(shared.get("/typed.parquet"))
    else:
        encoding = "gzip" if ask == "gzip" else "identity"
        table = parquet(shared.get("/typed", headers={"Accept": PARQUET, "Accept-Encoding": encoding}))
    types = {field.name: field.type for field in table.schema}
    assert types["i"] == pa.int64() and types["s"] == pa.string() and types["f"] == pa.float64() and types["b"] == pa.bool_()
    assert types["n"] == pa.decimal128(38, 9) and types["big"] == pa.string() and types["y"] == pa.binary()
    assert types["d"] == pa.date32() and types["t"] == pa.time64("us") and types["dt"] == pa.timestamp("us")
    assert types["ts"] == pa.timestamp("us", tz="UTC") and types["a"].value_type == pa.int64()
    assert types["st"].field("x").type == pa.int64() and types["st"].field("y").type.value_type == pa.string()
    rows, same = table.to_pylist(), arrow(shared.get("/typed.arrow")).to_pylist()
    for row, other in zip(rows, same, strict=True):
        assert decimal.Decimal(row.pop("big")) == other.pop("big")
        row["j"], other["j"] = (str(each["j"]).replace(" ", "") for each in (row, other))
        assert row == other
    assert rows[0]["ts"] == datetime.datetime(2026, 2, 28, 1, 2, 3, 1, tzinfo=datetime.timezone.utc) and rows[1]["maybe"] is None


def test_parquet_of_nested_and_odd_values(shared):
    row = parquet(shared.get("/span.parquet")).to_pylist()[0]
    assert row["span"] == "1-2 3 4:5:6" and row["nothing"] is None and row["odd"] != row["odd"]
    assert row["during"] == {"start": datetime.date(2026, 1, 1), "end": datetime.date(2026, 2, 1)}
    assert row["pairs"] == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_no_row_is_a_parquet_file_with_its_schema(shared):
    table = parquet(shared.get("/none.parquet"))
    assert table.num_rows == 0 and table.schema.names == ["x"]


def test_parquet_obeys_tags_head_and_limits(shared):
    whole = shared.get("/many.parquet")
    table = parquet(whole)
    assert table.column("n").to_pylist() == list(range(1, 50_001)) and table.column("text")[49_999].as_py() == "row 50000"
    tag = whole.headers["etag"]
    again = shared.get("/many.parquet", headers={"If-None-Match": tag})
    assert again.status_code == 304 and not again.content and again.headers["etag"] == tag
    assert shared.get("/many.arrow", headers={"If-None-Match": tag}).status_code == 200
    head = requests.head(shared.doors["api"] + "/many.parquet", timeout=30)
    assert head.status_code == 200 and not head.content and head.headers["etag"] == tag
    assert head.headers["content-length"] == str(len(whole.content))
    refused = shared.get("/few.parquet")
    assert refused.status_code == 422 and "more than 10 rows" in refused.json()["detail"]
    chosen = parquet(shared.get("/many.parquet", params={"fields": "text"}))
    assert chosen.schema.names == ["text"] and chosen.num_rows == 50_000


def test_duckdb_reads_a_parquet_answer(shared, tmp_path):
    path = tmp_path / "answer.parquet"
    path.write_bytes(shared.get("/typed.parquet").content)
    shared.run("publish", "Back", "--file", path)  # by DuckDB's reader
    rows = [json.loads(base64.b64decode(json.loads(line)["data"])) for line in shared.run("peek", "Back").stdout.splitlines()]
    first = rows[0]
    assert len(rows) == 3 and first["i"] == 1 and first["s"] == "ñ" and first["a"] == [1, 2] and first["st"] == {"x": 1, "y": ["p", None]}
