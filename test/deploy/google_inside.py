"""A second afluente inside a container's network: its doors play Pub/Sub and BigQuery for the role that runs there."""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from images import ROOT

SECONDS = 60
PROJECT = "ltm-demo"
SPEC = f"project: {PROJECT}\ntopics: {{Data: {{}}}}\ndatasets: {{enterprise_app_dataset: {{}}}}\n"
PUBSUB, BIGQUERY, STORAGE = "127.0.0.1:8085", "127.0.0.1:9050", "127.0.0.1:9060"
FRONT = 8081
# Stands for Google's addresses, the only thing that a role is told beside what Terraform says.
ADDRESSES = {"AFLUENTE_BIGQUERY_ENDPOINT": f"http://{BIGQUERY}", "AFLUENTE_BIGQUERY_STORAGE_ENDPOINT": STORAGE,
             "AFLUENTE_PUBSUB_ENDPOINT": f"http://{PUBSUB}"}


def inside(pid, *command, stdin=None):
    """Runs a command of this machine in the network of a process; its output."""
    result = subprocess.run(["nsenter", "-t", str(pid), "-n", *command], input=stdin, capture_output=True, text=True,
                            timeout=SECONDS * 4, check=False, env={"PATH": os.environ["PATH"]})
    return result


def ask(pid, url, body=None, headers=None, method=None):
    """(status, body); (0, why) without an answer."""
    method = method or ("GET" if body is None else "POST")
    command = ["curl", "-s", "-m", "60", "-X", method, "-w", "\n%{http_code}"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
    result = inside(pid, *command, url, stdin=json.dumps(body) if body is not None else None)
    text, _, code = result.stdout.rpartition("\n")
    return int(code or 0), text


def run_python(pid, script):
    """A Python program in the network of a process; what it printed as JSON."""
    result = inside(pid, sys.executable, "-", stdin=script)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


class GoogleInside:
    """Left with the block; the container's end ends its network too."""

    def __init__(self, pid, folder):
        self.pid, self.folder = pid, pathlib.Path(folder)

    def __enter__(self):
        self.folder.mkdir(parents=True)
        (self.folder / "afluente.yaml").write_text(SPEC, encoding="utf-8")
        binary = os.environ.get("AFLUENTE_BINARY") or str(ROOT / "build/release/afluente")
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["nsenter", "-t", str(self.pid), "-n", binary, "up", str(self.folder / "afluente.yaml"), "--data-dir",
                 str(self.folder / "data"), "--api-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ingest-listen",
                 "127.0.0.1:0", "--pubsub-listen", PUBSUB, "--bigquery-listen", BIGQUERY, "--bigquery-storage-listen", STORAGE],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})
        line = self.process.stdout.readline().decode()
        assert line.startswith("afluente ready"), line + (self.folder / "log").read_text()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=SECONDS)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_tables(self, tables):
        for dataset, table, columns in tables:
            code, text = ask(self.pid, f"http://{BIGQUERY}/bigquery/v2/projects/{PROJECT}/datasets/{dataset}/tables", {
                "tableReference": {"projectId": PROJECT, "datasetId": dataset, "tableId": table}, "schema": {"fields": columns}})
            assert code == 200, text

    @contextlib.contextmanager
    def cloud_run(self, port):
        """Cloud Run's front before the role on a port; the URL that Pub/Sub pushes to."""
        front = subprocess.Popen(["nsenter", "-t", str(self.pid), "-n", sys.executable, str(ROOT / "test/deploy/cloud_run_front.py"),
                                  str(FRONT), str(port)], stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
        try:
            assert front.stdout.readline() == b"ready\n"
            yield f"http://127.0.0.1:{FRONT}/"
        finally:
            front.kill()
            front.wait(timeout=SECONDS)
            front.stdout.close()

    def push_to(self, url, token, subscription="store"):
        code, text = ask(self.pid, f"http://{PUBSUB}/v1/projects/{PROJECT}/subscriptions/{subscription}", {
            "topic": f"projects/{PROJECT}/topics/Data", "pushConfig": {"pushEndpoint": url, "oidcToken": token},
            "ackDeadlineSeconds": 10}, method="PUT")
        assert code == 200, text

    def publish(self, *payloads):
        messages = [{"data": base64.b64encode(json.dumps(p).encode()).decode()} for p in payloads]
        code, text = ask(self.pid, f"http://{PUBSUB}/v1/projects/{PROJECT}/topics/Data:publish", {"messages": messages})
        assert code == 200, text

    def rows(self, sql):
        code, text = ask(self.pid, f"http://{BIGQUERY}/bigquery/v2/projects/{PROJECT}/queries", {"query": sql, "useLegacySql": False})
        assert code == 200, text
        return [[cell["v"] for cell in row["f"]] for row in json.loads(text).get("rows", [])]

    def wait_for_rows(self, sql, count):
        deadline = time.monotonic() + SECONDS
        while len(rows := self.rows(sql)) != count:
            assert time.monotonic() < deadline, f"{len(rows)} rows of {count}"
            time.sleep(0.05)
        return rows
