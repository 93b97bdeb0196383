#!/usr/bin/env python3
"""Runs one client's suite against one server and prints a JSON line a feature.

Usage: judge.py SERVER CLIENT [FEATURE]... (servers: afluente emulator pstest; clients: python node go java gcloud rest)
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from features import FEATURES  # noqa: E402
from outcome import print_line  # noqa: E402
from servers import ROOT, SERVERS  # noqa: E402

HERE = ROOT / "test/clients"
BUILT = ROOT / "build/clients"
SUITE_SECONDS = 240
SCENARIO_SECONDS = 60
SERVER_DIED = 3
COMMANDS = {
    "node": ["node", str(HERE / "node/suite.js")],
    "go": [str(BUILT / "go-suite")],
    "java": ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{BUILT}/java-classes:{BUILT}/java-libs/*",
             "Suite"],
}


def offered(client):
    return [f.id for f in FEATURES if client in f.clients]


def missing(client):
    """Why a client cannot run here, or nothing."""
    if client == "gcloud" and not shutil.which("gcloud"):
        return "gcloud is not installed (no registry offers it)"
    if client in COMMANDS and not (BUILT / ".complete").exists():
        return "the clients are not set up: tools/bootstrap clients"
    return ""


def run_suite(client, server, features=()):
    """Yields the lines of one client's suite against a running server."""
    if client == "python":
        import python_client.all
        yield from python_client.all.run(server, features)
    elif client == "rest":
        import rest_client
        yield from rest_client.run(server, features)
    elif client == "gcloud":
        import gcloud_client
        yield from gcloud_client.run(server, features)
    else:
        yield from run_program(client, server, features)


def run_program(client, server, features):
    features = features or offered(client)
    log_path = server.directory / f"{client}.log"
    with open(log_path, "wb") as log:
        try:
            done = subprocess.run([*COMMANDS[client], *features], stdout=subprocess.PIPE, stderr=log, check=False,
                                  env={**server.environment(), "NODE_PATH": str(BUILT / "node_modules")},
                                  timeout=SUITE_SECONDS if len(features) != 1 else SCENARIO_SECONDS)
            output, end = done.stdout, f"exit {done.returncode}"
        except subprocess.TimeoutExpired as error:
            output, end = error.stdout or b"", "it did not end"
    seen = set()
    for line in output.decode(errors="replace").splitlines():
        if line.startswith('{"'):
            line = json.loads(line)
            seen.add(line["feature"])
            yield line
    for feature in features:
        if feature not in seen:
            tail = log_path.read_text(errors="replace")[-300:]
            yield {"feature": feature, "client": client, "result": "wrong",
                   "detail": f"the suite printed nothing for it ({end}): {tail}"}


def main():
    server_name, client, *features = sys.argv[1:]
    reason = SERVERS[server_name].missing() or missing(client)
    if reason:
        sys.exit(reason)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        server = SERVERS[server_name](directory).start()
        try:
            for line in run_suite(client, server, features):
                print_line(line)
            if not server.alive():
                print(f"the server died: {server.last_words()}", file=sys.stderr)
                os._exit(SERVER_DIED)  # the clients' own threads may wait for it forever
        finally:
            server.stop()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
