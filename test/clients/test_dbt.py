"""dbt-bigquery on the sample project of test/clients/dbt: seed, run twice, test, docs."""
import json
import os
import shutil
import subprocess

import pytest
from servers import PROJECT, ROOT

DBT = ROOT / "build/python-dbt/bin/dbt"
DATASET = "dbt_judged"


@pytest.fixture(scope="module")
def dbt(server, tmp_path_factory):
    assert DBT.exists(), "dbt is not set up: tools/bootstrap clients"
    project = tmp_path_factory.mktemp("dbt") / "project"
    shutil.copytree(ROOT / "test/clients/dbt", project)

    def run(*command, code=0):
        done = subprocess.run([DBT, "--no-use-colors", *command, "--project-dir", project, "--profiles-dir", project],
                              capture_output=True, text=True, timeout=120, check=False, cwd=project,
                              env={**os.environ, **server.environment(), "JUDGED_PROJECT": PROJECT,
                                   "JUDGED_DATASET": DATASET})
        assert done.returncode == code, done.stdout[-4000:] + done.stderr[-2000:]
        return project / "target"

    return run


def test_seed_run_and_test(dbt, server):
    dbt("seed")
    rows = server.instance.query(f"SELECT id, carrier, CAST(day AS STRING) AS day, delay FROM {DATASET}.flights ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [(1, "UA", "2013-01-01", 11), (2, "AA", "2013-01-01", 33),
                                                     (3, "UA", "2013-01-02", -5), (4, "B6", "2013-01-02", None)]
    target = dbt("run")
    results = json.loads((target / "run_results.json").read_text())["results"]
    assert {r["unique_id"].split(".")[-1]: r["status"] for r in results} == {
        "carriers": "success", "daily": "success", "late_flights": "success"}
    assert server.instance.query(f"SELECT carrier, flights FROM {DATASET}.carriers ORDER BY carrier") == [
        {"carrier": "AA", "flights": 1}, {"carrier": "B6", "flights": 1}, {"carrier": "UA", "flights": 2}]
    dbt("test")


def test_an_incremental_model_merges(dbt, server):
    dbt("run", "--select", "daily", "--vars", json.dumps({"note": "'second'"}))
    rows = server.instance.query(f"SELECT CAST(day AS STRING) AS day, flights, note FROM {DATASET}.daily ORDER BY day")
    assert [tuple(row.values()) for row in rows] == [("2013-01-01", 2, "first"), ("2013-01-02", 2, "second")]


def test_a_failing_test_is_told(dbt, server):
    server.instance.query(f"INSERT INTO {DATASET}.carriers (carrier, flights) VALUES ('UA', NULL)")
    target = dbt("test", "--select", "carriers", code=1)
    results = json.loads((target / "run_results.json").read_text())["results"]
    assert sorted(r["unique_id"].split(".")[2] for r in results if r["status"] == "fail") == [
        "not_null_carriers_flights", "unique_carriers_carrier"]


def test_docs_have_the_columns(dbt):
    target = dbt("docs", "generate")
    nodes = json.loads((target / "catalog.json").read_text())["nodes"]
    carriers = nodes["model.judged.carriers"]
    assert [column["type"] for column in carriers["columns"].values()] == ["STRING", "INT64", "FLOAT64"]
    assert carriers["metadata"]["type"] == "table" and nodes["model.judged.late_flights"]["metadata"]["type"] == "view"
