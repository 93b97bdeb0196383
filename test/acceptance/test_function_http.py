"""HTTP transforms: unmodified functions on Google's functions-frameworks, and functions that misbehave."""
import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

import pytest
from instance import ROOT, wait_until
from pipeline import PROJECT, event, message, publish

FUNCTIONS = pathlib.Path(__file__).parent / "functions"
PYTHON = ROOT / "build/python-test/bin/functions-framework"
if not PYTHON.exists():
    PYTHON = ROOT / "build/functions-clients/python/bin/functions-framework"
NODE_MODULES = ROOT / "build/clients/node_modules"
if not (NODE_MODULES / "@google-cloud/functions-framework").exists():
    NODE_MODULES = ROOT / "build/functions-clients/node/node_modules"

SPEC = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      lines:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: line, type: INT64}
          - {name: name, type: STRING}
          - {name: kind, type: STRING}
functions:
  store:
    topic: Data
    TARGET
    transform: {http: "URL", OPTIONS}
    retry_policy: {minimum_backoff: 0.1s, maximum_backoff: 0.2s}
"""


def spec(url, table="table: ds.lines", **options):
    listed = ", ".join(f"{name}: {value}" for name, value in options.items())
    return SPEC.replace("TARGET", table).replace("URL", url).replace(", OPTIONS", f", {listed}" if listed else "")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def framework(language, target, directory, port=None, **more):
    """Runs a function on its functions-framework; gives its URL and the file that `keep` writes."""
    port, kept = port or free_port(), directory / "kept.ndjson"
    environment = {**os.environ, "PORT": str(port), "FUNCTION_TARGET": target, "KEPT": str(kept), **more}
    if language == "python":
        signature = "cloudevent" if target == "keep" else "http"
        command = [PYTHON, "--source", FUNCTIONS / "main.py", "--target", target, "--signature-type", signature,
                   "--host", "127.0.0.1", "--port", str(port)]
    else:
        environment["NODE_PATH"] = str(NODE_MODULES)
        command = ["node", NODE_MODULES / "@google-cloud/functions-framework/build/src/main.js", "--source", FUNCTIONS,
                   "--target", target, "--signature-type", "cloudevent" if target == "keep" else "http"]
    with open(directory / "function.log", "wb") as log:
        process = subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=log)

    def answers():
        assert process.poll() is None, (directory / "function.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False
    try:
        wait_until(answers, 60, "the function listening")
        yield f"http://127.0.0.1:{port}/", kept
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("language", ["python", "node"])
def test_an_unmodified_function_returns_rows(launch, tmp_path, language):
    with framework(language, "rows", tmp_path) as (url, _):
        instance = launch(spec(url), {})
        ids = publish(instance, [message(event(id=1, names=["a", "b"]), kind="x"), event(id=2, drop=True),
                                 event(id=3, fail=True), event(id=4, names=["c"]),
                                 *[event(id=k, names=["n"]) for k in range(10, 200)]])
        assert instance.outcome("store") == (194, 192, 1, 1)
        rows = instance.query("SELECT id, line, name, kind FROM ds.lines WHERE id < 10 ORDER BY id, line")
        assert [(r["id"], r["line"], r["name"], r["kind"]) for r in rows] == [
            (1, 0, "a", "x"), (1, 1, "b", "x"), (4, 0, "c", None)]
        [letter] = instance.dead_letters()
        assert letter["message_id"] == ids[2] and letter["attempts"] == 5 and "500" in letter["error"]


@pytest.mark.parametrize("language", ["python", "node"])
@pytest.mark.parametrize("form", ["cloudevents_binary", "cloudevents_structured"])
def test_an_unmodified_function_of_cloudevents_stores_for_itself(launch, tmp_path, language, form):
    with framework(language, "keep", tmp_path) as (url, kept):
        instance = launch(spec(url, "dataset: ds", format=form), {})
        ids = publish(instance, [event(id=k) for k in range(20)])
        assert instance.outcome("store") == (20, 20, 0, 0)
        lines = [json.loads(line) for line in kept.read_text().splitlines()]
        assert sorted(line["id"] for line in lines) == list(range(20))
        assert {line["event"] for line in lines} == set(ids)
        assert {line["type"] for line in lines} == {"google.cloud.pubsub.topic.v1.messagePublished"}
        assert {line["source"] for line in lines} == {f"//pubsub.googleapis.com/projects/{PROJECT}/topics/Data"}


def test_an_unmodified_function_stores_through_bigquerys_client(launch, tmp_path):
    """Some answers are lost after the row was stored: the same message comes again, and its row is there once."""
    port = free_port()  # each side is to know the other's address, and the instance chooses its own
    text = spec(f"http://127.0.0.1:{port}/", "dataset: ds").replace("      lines:\n", "      kept:\n").replace(
        "          - {name: line, type: INT64}\n", "")
    instance = launch(text, {})
    with framework("python", "warehouse", tmp_path, port, GOOGLE_CLOUD_PROJECT=PROJECT,
                   WAREHOUSE=instance.doors["bigquery"], TABLE=f"{PROJECT}.ds.kept"):
        ids = publish(instance, [event(id=k, name="late" if k % 5 == 0 else "n") for k in range(40)]
                      + [event(id=40, colour="red")])
        assert instance.outcome("store") == (41, 40, 0, 1)
        rows = instance.query("SELECT id, name FROM ds.kept ORDER BY id")
        assert [(r["id"], r["name"]) for r in rows] == [(k, "late" if k % 5 == 0 else "n") for k in range(40)]
        [letter] = instance.dead_letters()
        assert letter["message_id"] == ids[40] and "colour" in letter["error"]


class Scripted(http.server.ThreadingHTTPServer):
    """A function whose answers a test decides; counts what it was asked."""

    daemon_threads = True

    def __init__(self, answer):
        self.answer, self.calls, self.at_once, self.most_at_once = answer, [], 0, 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A killed instance leaves its requests behind."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.calls.append(body)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            status, answer = server.answer(body)
        finally:
            with server.lock:
                server.at_once -= 1
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def scripted():
    made = []

    def make(answer):
        made.append(Scripted(answer))
        return made[-1]
    yield make
    for server in made:
        server.shutdown()
        server.server_close()


def test_what_is_no_answer_fails_the_attempt(launch, scripted):
    answers = {
        "status": (404, b"no such thing"),
        "redirect": (301, b""),
        "object": (200, b'{"id": 1}'),
        "malformed": (200, b'[{"id": 1}'),
        "unknown column": (200, b'[{"id": 1, "colour": "red"}]'),
        "second row is wrong": (200, b'[{"id": 1}, {"id": "x"}]'),
        "too long": (200, b"[" + b" " * 5000 + b"]"),
    }

    def answer(body):
        return answers[body["message"]["attributes"]["kind"]]
    function = scripted(answer)
    instance = launch(spec(function.url, response_bytes=5000), {})
    ids = publish(instance, [message("x", kind=kind) for kind in answers])
    assert instance.outcome("store") == (len(answers), 0, 0, len(answers))
    letters = {row["message_id"]: row for row in instance.dead_letters()}
    errors = {kind: letters[i]["error"] for kind, i in zip(answers, ids)}
    for kind, part in {"status": "404: no such thing", "redirect": "301", "object": "JSON array", "malformed": "JSON",
                       "unknown column": "colour", "second row is wrong": "row 1", "too long": "5000"}.items():
        assert part in errors[kind], errors
    assert {row["attempts"] for row in letters.values()} == {5}
    assert len(function.calls) == 5 * len(answers)
    assert sorted(call["deliveryAttempt"] for call in function.calls)[-1] == 5
    assert instance.query("SELECT * FROM ds.lines") == []


def test_requests_at_once_are_bounded_and_a_slow_one_stops_nobody(launch, scripted):
    release = threading.Event()

    def answer(body):
        if body["message"]["attributes"]["kind"] == "slow":
            release.wait(60)
        return 200, b'[{"id": 1}]'
    function = scripted(answer)
    instance = launch(spec(function.url, concurrency=4), {})
    publish(instance, [message("x", kind="slow"), *[message("x", kind="fast") for _ in range(300)]])
    wait_until(lambda: instance.balance("store")["stored"] == 300, 60, "the fast ones stored")
    assert instance.balance("store")["pending"] == 1
    release.set()
    assert instance.outcome("store") == (301, 301, 0, 0)
    assert 2 <= function.most_at_once <= 4


def test_a_dead_function_makes_backlog_and_no_loss(launch, scripted):
    port = free_port()
    text = spec(f"http://127.0.0.1:{port}/").replace("0.1s, maximum_backoff: 0.2s",
                                                     "1s, maximum_backoff: 600s").replace(
        "    retry_policy", "    dead_letter_policy: {max_delivery_attempts: 100}\n    retry_policy")
    instance = launch(text, {})
    publish(instance, [message("x", kind="x") for _ in range(500)])
    time.sleep(1)
    assert instance.balance("store") | {"pending": 500, "stored": 0, "dead_lettered": 0} == instance.balance("store")
    instance.terminate()
    instance.start()
    assert instance.balance("store")["pending"] == 500


def test_attempts_that_take_too_long_fail(launch, scripted):
    release = threading.Event()

    def answer(body):
        if body["deliveryAttempt"] == 1:
            release.wait(60)
        return 200, b'[{"id": 2}]'
    function = scripted(answer)
    instance = launch(spec(function.url, timeout="0.5s"), {})
    publish(instance, ["x"])
    assert instance.outcome("store") == (1, 1, 0, 0)
    release.set()
    assert [call["deliveryAttempt"] for call in function.calls] == [1, 2]


def test_ordered_messages_are_sent_one_after_another(launch, scripted):
    failed = set()

    def answer(body):
        number = body["message"]["attributes"]["n"]
        if int(number) % 7 == 3 and number not in failed:
            failed.add(number)
            return 503, b"later"
        return 200, b'[{"id": %d}]' % int(number)
    function = scripted(answer)
    instance = launch(spec(function.url).replace("    retry_policy", "    enable_message_ordering: true\n    retry_policy"),
                      {})
    publish(instance, [{**message("x", n=str(k)), "orderingKey": f"key{k % 3}"} for k in range(60)])
    assert instance.outcome("store") == (60, 60, 0, 0)
    for key in range(3):
        sent = [int(c["message"]["attributes"]["n"]) for c in function.calls
                if c["message"]["orderingKey"] == f"key{key}"]
        once = [n for at, n in enumerate(sent) if at == 0 or sent[at - 1] != n]
        assert once == [k for k in range(60) if k % 3 == key]
