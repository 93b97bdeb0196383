"""Arrow answers read back by pyarrow, value by value."""
import datetime
import decimal
import io

import pyarrow as pa
import pytest

SPEC = """\
project: test-project
endpoints:
  "/typed": {sql: typed.sql}
  "/none": {sql: none.sql}
"""
FILES = {
    "typed.sql": """\
SELECT i, 'ñ' AS s, i / 2 AS f, TRUE AS b, CAST('-12345678901234567890123456789.123456789' AS NUMERIC) AS n,
       CAST('12345678901234567890.123456789012345678' AS BIGNUMERIC) AS big, b'\\x00\\xff' AS y, DATE '2026-02-28' AS d,
       TIME '23:59:59.25' AS t, DATETIME '2026-02-28 01:02:03.5' AS dt, TIMESTAMP '2026-02-28 01:02:03.000001+00' AS ts,
       JSON '{"a": [1]}' AS j, IF(i = 2, NULL, [i, i + 1]) AS a, STRUCT(i AS x, ['p', NULL] AS y) AS st, IF(i = 2, NULL, i) AS maybe
FROM UNNEST([1, 2, 3]) AS i ORDER BY i""",
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
