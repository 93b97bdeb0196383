"""SQL reaches the warehouse's tables and nothing else of the machine."""
import pytest

from instance import run_afluente, write_pipeline
from pipeline import EVENTS, EVENTS_FILES, event, publish

MARKER = "marker-that-must-not-leak"

STATEMENTS = [
    # Files as tables, by name and by function.
    "SELECT * FROM '{csv}'", "SELECT * FROM \"{csv}\"", "SELECT * FROM `{csv}`", "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM `/etc/passwd`", "SELECT * FROM `secret.csv`", "SELECT * FROM ds.`{csv}`", "SELECT * FROM `*.csv`",
    "SELECT * FROM read_csv('{csv}')", "SELECT * FROM read_csv_auto('{csv}')", "SELECT * FROM sniff_csv('{csv}')",
    "SELECT * FROM read_text('{csv}')", "SELECT * FROM read_blob('{csv}')", "SELECT * FROM read_json('{csv}')",
    "SELECT * FROM read_ndjson_objects('{csv}')", "SELECT * FROM read_parquet('{csv}')",
    "SELECT * FROM parquet_scan('{csv}')", "SELECT * FROM parquet_metadata('{csv}')", "SELECT * FROM glob('/*')",
    "SELECT * FROM UNNEST((SELECT content FROM read_text('{csv}')))", "SELECT read_text('{csv}') AS x",
    "WITH t AS (SELECT * FROM read_csv('{csv}')) SELECT * FROM t",
    "SELECT (SELECT MAX(content) FROM read_text('{csv}')) AS x", "FROM '{csv}'", "TABLE '{csv}'",
    "SELECT * FROM ds.events, '{csv}'", "SELECT * FROM ds.events JOIN read_csv('{csv}') USING (id)",
    "SELECT * FROM query('SELECT * FROM ''{csv}''')", "SELECT * FROM query_table('{csv}')",
    # Statements of the engine.
    "COPY ds.events TO '{out}'", "COPY ds.events FROM '{csv}'", "COPY (SELECT 1) TO '{out}'",
    "ATTACH '{out}' AS other", "DETACH main", "USE main", "INSTALL httpfs", "LOAD httpfs", "LOAD '{csv}'",
    "PRAGMA database_list", "PRAGMA version", "SET enable_external_access = true", "SET memory_limit = '1GB'",
    "RESET memory_limit", "CHECKPOINT", "EXPORT DATABASE '{out}'", "IMPORT DATABASE '{out}'", "CALL pragma_version()",
    "EXPORT DATA OPTIONS (uri = '{out}') AS SELECT 1", "LOAD DATA INTO ds.events FROM FILES (uris = ['{csv}'])",
    "CREATE TABLE ds.leak AS SELECT * FROM read_csv('{csv}')", "CREATE TABLE ds.leak AS SELECT * FROM '{csv}'",
    "INSERT INTO ds.events (id) SELECT 1 FROM '{csv}'", "INSERT INTO ds.events SELECT * FROM read_csv('{csv}')",
    "CREATE MACRO m() AS 1", "CREATE SECRET s (TYPE s3)", "PREPARE p AS SELECT 1", "EXPLAIN SELECT 1", "DESCRIBE ds.events",
    "CREATE TEMP TABLE t AS SELECT * FROM '{csv}'", "VACUUM", "FORCE INSTALL json", "UPDATE EXTENSIONS",
    # Functions that tell of the machine or the engine.
    "SELECT getenv('HOME') AS x", "SELECT getvariable('x') AS x", "SELECT current_setting('memory_limit') AS x",
    "SELECT version() AS x", "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_databases()", "SELECT * FROM pragma_database_size()",
    "SELECT * FROM which_secret('x', 's3')", "SELECT current_database() AS x", "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_tables", "SELECT * FROM main.events",
    "SELECT * FROM system.main.duckdb_tables", "SELECT * FROM duckdb_logs()", "SELECT pg_typeof(1) AS x",
    # Two statements at once, and ways around the lexer.
    "SELECT 1; ATTACH '{out}' AS other", "SELECT 1; SELECT * FROM '{csv}'",
    "/* */ PRAGMA version", "SELECT * FROM /**/ read_csv /**/ ('{csv}')", "SELECT * FROM `read_csv`('{csv}')",
    "SELECT * FROM $$x$$", "SELECT E'\\x41' AS x", "SELECT 1 AS x -- \n FROM '{csv}'", "SELECT $1 AS x", "SELECT ? AS x",
    "SELECT [x for x in [1]] AS x", "SELECT COLUMNS('id') FROM ds.events", "SELECT 1::VARCHAR AS x",
    "SELECT #1 FROM ds.events", "SELECT x -> x + 1 AS y FROM ds.events",
]


@pytest.fixture(scope="module")
def target(shared):
    publish(shared, [event(id=1)])
    shared.drain()
    (shared.directory / "secret.csv").write_text(f"id,name\n1,{MARKER}\n", encoding="utf-8")
    return shared


@pytest.mark.parametrize("statement", STATEMENTS)
def test_query_refuses(target, statement):
    secret, out = target.directory / "secret.csv", target.directory / "out"
    sql = statement.format(csv=secret, out=out) if "{" in statement else statement
    result = target.run("query", sql, "--json", code=None)
    assert result.returncode == 1, f"it ran:\n{result.stdout[:1000]}"
    assert result.stdout == "" and result.stderr.strip()
    for leak in (MARKER, "root:", "/bin/sh"):
        assert leak not in result.stderr
    assert not out.exists(), "it wrote a file"


def test_nothing_of_the_attempts_had_an_effect(target):
    assert target.query("SELECT id, name FROM ds.events") == [{"id": 1, "name": None}]
    assert target.outcome("store") == (1, 1, 0, 0)
    names = [p.name for p in target.directory.iterdir()]
    assert not any(name.startswith("out") for name in names)


def test_functions_own_tables_are_hidden_and_unreachable(target):
    for name in ("_afluente.functions", "afluente.functions", "main.functions", "`test-project`.main.functions"):
        target.run("query", f"SELECT * FROM {name}", code=1)


def test_a_string_that_looks_like_a_path_is_a_string(target):
    assert target.value("SELECT '/etc/passwd' AS x") == "/etc/passwd"
    assert target.value("SELECT @p AS x", "p:STRING:read_csv('/etc/passwd')") == "read_csv('/etc/passwd')"


@pytest.mark.parametrize("sql", ["SELECT * FROM '{csv}' WHERE 1 = @id", "SELECT * FROM read_text('{csv}') WHERE 1 = @id"])
def test_an_endpoint_or_transform_over_a_file_is_refused_at_start(tmp_path, sql):
    (tmp_path / "secret.csv").write_text(MARKER, encoding="utf-8")
    text = sql.format(csv=tmp_path / "secret.csv")
    spec = write_pipeline(tmp_path / "a", EVENTS, {**EVENTS_FILES, "queries/event.sql": text})
    result = run_afluente("up", spec, "--data-dir", tmp_path / "data-a", "--ephemeral-ports", code=2, timeout=15)
    assert "event.sql" in result.stderr and MARKER not in result.stderr
    spec = write_pipeline(tmp_path / "b", EVENTS.replace(
        "    table: ds.events\n", "    table: ds.events\n    transform: {sql: t.sql}\n"),
        {**EVENTS_FILES, "t.sql": text.replace(" WHERE 1 = @id", "").replace("*", "1 AS id")})
    result = run_afluente("up", spec, "--data-dir", tmp_path / "data-b", "--ephemeral-ports", code=2, timeout=15)
    assert "t.sql" in result.stderr and MARKER not in result.stderr
