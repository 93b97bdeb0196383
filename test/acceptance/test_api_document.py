"""/openapi.json: two public generators make working clients of it, and schemathesis finds nothing undocumented."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from openapi_spec_validator import validate as validate_openapi

from pipeline import publish
from test_api_paging import FILES, SPEC, reading  # noqa: F401  (the module's pipeline)

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(sys.executable).parent


@pytest.fixture(scope="module")
def api(shared):
    publish(shared, [reading(i) for i in range(60)])
    assert shared.outcome("store")[1] == 60
    return shared


@pytest.fixture(scope="module")
def document(api, tmp_path_factory):
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(json.dumps(api.get("/openapi.json").json()))
    return path


def test_the_document_says_what_may_be_asked(api, document):
    described = json.loads(document.read_text())
    validate_openapi(described)
    get = described["paths"]["/readings"]["get"]
    parameters = {p["name"]: p for p in get["parameters"]}
    assert parameters["page_size"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 500, "default": 7}
    assert parameters["order_by"]["schema"]["items"]["enum"] == ["id", "-id", "name", "-name", "ratio", "-ratio"]
    assert set(get["responses"]["200"]["content"]) == set(
        ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream",
         "application/vnd.apache.parquet", "text/event-stream"])
    assert {"304", "400", "504"} <= set(get["responses"]) and {"ETag", "Link"} <= set(get["responses"]["200"]["headers"])
    filtered = {p["name"]: p for p in described["paths"]["/filtered"]["get"]["parameters"]}
    assert filtered["low"]["schema"].items() >= {"default": 3, "minimum": 0, "maximum": 100}.items()
    assert filtered["kind"]["schema"]["enum"] == ["a", "b"] and filtered["name"]["required"] is False
    assert "429" in described["paths"]["/limited/{id}"]["get"]["responses"]


def test_openapi_python_client_makes_a_working_client(api, document, tmp_path):
    subprocess.run([TOOLS / "openapi-python-client", "generate", "--path", document, "--output-path", tmp_path / "made",
                    "--meta", "none"], check=True, capture_output=True, timeout=120,
                   env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"})
    program = f"""
import json, sys
sys.path.insert(0, {str(tmp_path)!r})
from made import Client
from made.api.default import readings, filtered
client = Client(base_url={api.doors["api"]!r})
ids, cursor = [], None
while True:
    kwargs = {{}} if cursor is None else {{"cursor": cursor}}
    page = readings.sync(client=client, page_size=9, **kwargs)
    ids += [row.id for row in page.rows]
    cursor = page.next_cursor
    if not cursor:
        break
one = filtered.sync(client=client, low=10)
print(json.dumps({{"ids": ids, "n": one.rows[0].n}}))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert json.loads(run.stdout) == {"ids": list(range(60)), "n": 50}


def test_openapi_typescript_makes_a_working_client(api, document, tmp_path):
    node = ROOT / "build/openapi-node/node_modules"
    assert node.exists(), "tools/bootstrap test installs the generator"
    (tmp_path / "node_modules").symlink_to(node.resolve())
    shutil.copy(ROOT / "test/openapi/client.ts", tmp_path)
    run = subprocess.run(["node", node / "openapi-typescript/bin/cli.js", document, "-o", "api.d.ts"], cwd=tmp_path,
                         capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    (tmp_path / "globals.d.ts").write_text("declare const process: { argv: string[] };\n")
    run = subprocess.run(["node", node / "typescript/bin/tsc", "--strict", "--skipLibCheck", "--module", "nodenext", "--target",
                          "es2022", "--moduleResolution", "nodenext", "--lib", "es2022,dom,dom.iterable", "client.ts",
                          "globals.d.ts"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout
    run = subprocess.run(["node", "client.js", api.doors["api"]], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                         check=False)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer == {"ids": list(reversed(range(60))), "status": 200}


def test_schemathesis_finds_no_crash_and_nothing_undocumented(api, document):
    run = subprocess.run(
        [TOOLS / "schemathesis", "run", document, "--url", api.doors["api"], "--checks",
         "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
         "--max-examples", "25", "--seed", "1", "--exclude-path-regex", "/slow", "--request-timeout", "20"],
        capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, re.sub(r"\x1b\[[0-9;]*m", "", run.stdout)[-4000:]
