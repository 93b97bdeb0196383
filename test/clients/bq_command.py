"""The `bq` command of the Cloud SDK, unmodified: a service account's key file whose token_uri is local lets it in."""
import contextlib
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from servers import PROJECT

pytestmark = pytest.mark.skipif(not shutil.which("bq"), reason="bq is not installed (no registry offers it)")
EMAIL = f"judge@{PROJECT}.iam.gserviceaccount.com"


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    """OAuth's token endpoint: who has a key gets a token."""

    def do_POST(self):  # noqa: N802
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"access_token": "local", "token_type": "Bearer", "expires_in": 3600}).encode()
        self.send_response(200 if b"assertion=" in asked else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def token_endpoint():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()


def key_file(path, token_uri):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_text(json.dumps({"type": "service_account", "project_id": PROJECT, "private_key_id": "1",
                                "private_key": pem.decode(), "client_email": EMAIL, "client_id": "1",
                                "token_uri": token_uri}))
    return path


@pytest.fixture(scope="module")
def bq(server, tmp_path_factory):
    directory = tmp_path_factory.mktemp("bq")
    environment = {**os.environ, "CLOUDSDK_CONFIG": str(directory / "config"), "CLOUDSDK_CORE_PROJECT": PROJECT,
                   "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
                   "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1", "HOME": str(directory)}

    def run(*command, code=0, stdin=""):
        done = subprocess.run(["bq", f"--api={server.instance.doors['bigquery']}", "--format=json", "--quiet",
                               f"--project_id={PROJECT}", *command], capture_output=True, text=True, timeout=120,
                              check=False, env=environment, input=stdin, cwd=directory)
        assert done.returncode == code, f"bq {' '.join(command)}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        return json.loads(done.stdout) if code == 0 and done.stdout.startswith(("[", "{")) else done.stdout

    with token_endpoint() as uri:
        environment["CLOUDSDK_AUTH_TOKEN_HOST"] = uri  # gcloud asks it beside the key file's
        subprocess.run(["gcloud", "auth", "activate-service-account", EMAIL,
                        f"--key-file={key_file(directory / 'key.json', uri)}"], check=True, timeout=120, env=environment,
                       capture_output=True)
        run.directory = directory
        yield run


def test_tables_from_mk_to_rm(bq):
    bq("mk", "--dataset", "--description", "by bq", "bqset")
    assert bq("show", "--dataset", "bqset")["description"] == "by bq"
    bq("mk", "--table", "--time_partitioning_field=day", "bqset.t", "id:INTEGER,name:STRING,day:DATE")
    rows = bq.directory / "rows.json"
    rows.write_text('{"id": 1, "name": "a", "day": "2024-01-01"}\n{"id": 2, "name": null, "day": "2024-01-02"}\n')
    bq("load", "--source_format=NEWLINE_DELIMITED_JSON", "bqset.t", str(rows))
    csv = bq.directory / "rows.csv"
    csv.write_text("id,name,day\n3,c,2024-01-03\n")
    bq("load", "--skip_leading_rows=1", "bqset.t", str(csv))
    assert bq("query", "--nouse_legacy_sql", "SELECT id, name FROM bqset.t ORDER BY id") == [
        {"id": "1", "name": "a"}, {"id": "2", "name": None}, {"id": "3", "name": "c"}]
    assert bq("query", "--nouse_legacy_sql", "--parameter=least:INT64:2",
              "SELECT COUNT(*) AS n FROM bqset.t WHERE id >= @least") == [{"n": "2"}]
    assert len(bq("head", "-n", "2", "bqset.t")) == 2
    shown = bq("show", "bqset.t")
    assert (shown["numRows"], shown["timePartitioning"]["field"]) == ("3", "day")
    bq("cp", "bqset.t", "bqset.copied")
    assert sorted(t["tableReference"]["tableId"] for t in bq("ls", "bqset")) == ["copied", "t"]
    bq("insert", "bqset.copied", stdin='{"id": 4, "name": "d"}\n')
    assert bq("query", "--nouse_legacy_sql", "SELECT COUNT(*) AS n FROM bqset.copied") == [{"n": "4"}]
    bq("update", "--description", "changed", "bqset.t")
    assert bq("show", "bqset.t")["description"] == "changed"
    bq("rm", "-f", "-t", "bqset.copied")
    bq("rm", "-r", "-f", "-d", "bqset")
    assert "bqset" not in [d["datasetReference"]["datasetId"] for d in bq("ls") or []]


def test_jobs_and_errors(bq):
    assert "Syntax error" in bq("query", "--nouse_legacy_sql", "SELEC 1", code=1)
    assert "Not found" in bq("show", "nowhere.nothing", code=2)
    job = bq("ls", "-j", "-n", "1")[0]["jobReference"]["jobId"]
    assert bq("show", "-j", job)["status"]["state"] == "DONE"
    assert "not supported" in bq("extract", "nowhere.nothing", "gs://bucket/file", code=1)
