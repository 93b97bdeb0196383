"""REST by curl: the same features over HTTP and JSON, and every annotated method of the protos."""
import base64
import json
import os
import pathlib
import re
import subprocess
import time

import rest_scenarios
from outcome import Wrong, short
from servers import PROJECT, ROOT

WORKERS = 4


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, code, body):
        super().__init__(f"{code}: {short(body, 200)}")
        self.code = code
        try:
            self.error = json.loads(body).get("error", {})
        except (ValueError, AttributeError):
            self.error = {}


class Curl:
    """One server's REST surface, a curl process a call."""

    project = f"projects/{PROJECT}"

    def __init__(self, server):
        self.server = server
        self.count = 0

    def name(self, kind):
        self.count += 1
        return f"{self.project}/{kind}/curl-{time.monotonic_ns():x}-{self.count}"

    def send(self, method, path, body=None, seconds=15):
        """(status code, content type, text) of one call."""
        command = ["curl", "-sS", "-g", "-X", method, "-m", str(seconds), "-w", "\n%{http_code} %{content_type}",
                   f"http://{self.server.address}/v1/{path}"]
        text = None
        if body is not None:
            command += ["-H", "content-type: application/json", "--data-binary", "@-"]
            text = body if isinstance(body, str) else json.dumps(body)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=seconds + 10)
        if done.returncode == 28:
            return 408, "", ""
        if done.returncode:
            raise Wrong(f"curl: {done.stderr.strip()}")
        answer, _, last = done.stdout.rpartition("\n")
        code, _, content_type = last.partition(" ")
        return int(code), content_type, answer

    def __call__(self, method, path, body=None, seconds=15):
        code, _, text = self.send(method, path, body, seconds)
        if code == 501:
            raise NotImplementedError(short(text))
        if code != 200:
            raise Refused(code, text)
        return json.loads(text) if text.strip() else {}

    def refused(self, what, code, status, method, path, body=None):
        """The call must fail as Google's error JSON says."""
        try:
            self(method, path, body)
        except Refused as failure:
            actual = (failure.code, failure.error.get("code"), failure.error.get("status"))
            if actual != (code, code, status) or not failure.error.get("message"):
                raise Wrong(f"{what}: {failure} instead of {code} {status}") from None
            return
        raise Wrong(f"{what}: accepted instead of {code} {status}")

    def topic(self, **settings):
        return self("PUT", self.name("topics"), settings)["name"]

    def subscription(self, topic, **settings):
        return self("PUT", self.name("subscriptions"), {"topic": topic, "ackDeadlineSeconds": 60, **settings})["name"]

    def pair(self, **settings):
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def put(self, topic, *texts, **attributes):
        messages = [{"data": base64.b64encode(t.encode()).decode(), "attributes": attributes} for t in texts]
        return self("POST", f"{topic}:publish", {"messages": messages})["messageIds"]

    def pull(self, subscription, most=100, seconds=5):
        """Asks again and again: what becomes of a message given to a pull that curl left is not documented."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self("POST", f"{subscription}:pull", {"maxMessages": most, "returnImmediately": True})
            if answer.get("receivedMessages") or time.monotonic() > deadline:
                return answer.get("receivedMessages", [])
            time.sleep(0.2)

    def take(self, subscription, want, seconds=15):
        received, deadline = [], time.monotonic() + seconds
        while len(received) < want and time.monotonic() < deadline:
            received += self.pull(subscription, want - len(received))
        if len(received) != want:
            raise Wrong(f"{len(received)} messages within {seconds} s instead of {want}")
        return received

    def none(self, subscription, what, seconds=2):
        received = self.pull(subscription, seconds=seconds)
        if received:
            raise Wrong(f"{what}: {texts(received)}")

    def ack(self, subscription, received):
        self("POST", f"{subscription}:acknowledge", {"ackIds": [r["ackId"] for r in received]})

    def extend(self, subscription, received, seconds):
        self("POST", f"{subscription}:modifyAckDeadline",
             {"ackIds": [r["ackId"] for r in received], "ackDeadlineSeconds": seconds})


def texts(received):
    return sorted(base64.b64decode(r["message"].get("data", "")).decode() for r in received)


def annotated_methods():
    """(name, HTTP verb, path template, body) of every method that the protos annotate."""
    versions = dict(line.split("=", 1) for line in (ROOT / "tools/versions").read_text().splitlines() if "=" in line)
    cache = os.environ.get("AFLUENTE_CACHE") or os.environ.get("XDG_CACHE_HOME", str(pathlib.Path.home() / ".cache")) + "/afluente"
    protos = pathlib.Path(cache) / f"google-proto-files-{versions['GOOGLE_PROTO_FILES']}/google"
    for file in ("pubsub/v1/pubsub.proto", "pubsub/v1/schema.proto", "iam/v1/iam_policy.proto"):
        text = (protos / file).read_text(encoding="utf-8")
        for rpc in re.finditer(r"\brpc (\w+)\(.*?\n  \}\n", text, re.S):
            rule = re.search(r'(get|put|post|delete|patch): "([^"]+)"', rpc.group(0))
            if rule:
                yield rpc.group(1), rule.group(1).upper(), rule.group(2), 'body: "*"' in rpc.group(0)


def run(server, features=()):
    if not server.rest:
        for feature in rest_scenarios.scenarios.functions:
            if not features or feature in features:
                yield {"feature": feature, "client": "rest", "result": "not offered", "detail": "it speaks gRPC only"}
        return
    yield from rest_scenarios.scenarios.run_all(features, WORKERS, Curl(server))


@rest_scenarios.scenarios("rest")
def every_method(curl):
    """Each method's path is known (its error is Google's JSON about the missing resource), names are camelCase."""
    methods = sorted(annotated_methods())
    if len(methods) < 30:
        raise Wrong(f"only {len(methods)} annotated methods found in the protos")
    unknown = []
    for name, verb, template, body in methods:
        path = template.replace("{resource=**}", f"{curl.project}/topics/missing")
        path = re.sub(r"\{[\w.]+=([^}]*)\}", lambda m: m.group(1), path)
        path = path.replace("projects/*", curl.project, 1).replace("*", "missing").removeprefix("/v1/")
        code, content_type, text = curl.send(verb, path, {} if body else None)
        try:
            answer = json.loads(text or "{}")
        except ValueError:
            answer = None
        error = (answer or {}).get("error", {})
        known = answer is not None and content_type.startswith("application/json") and (
            code == 200 or (code in (400, 404, 409) and error.get("code") == code and error.get("status") != "UNIMPLEMENTED"
                            and error.get("message", "").lower() not in ("", "not found", "method not found.")))
        if not known:
            unknown.append(f"{name} ({code})")
    if unknown:
        raise Wrong(f"{len(unknown)} of {len(methods)} methods have no answer: {', '.join(unknown)}")
    curl.refused("a body that is no JSON", 400, "INVALID_ARGUMENT", "PUT", curl.name("topics"), "{broken")
    curl.refused("an unknown field", 400, "INVALID_ARGUMENT", "PUT", curl.name("topics"), {"noSuchField": 1})
    code, _, _ = curl.send("GET", "nowhere")
    if code != 404:
        raise Wrong(f"a path of no method: {code} instead of 404")


