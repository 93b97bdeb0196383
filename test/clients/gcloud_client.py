"""`gcloud pubsub`, unmodified and without credentials: a process a command, its own configuration directory."""
import base64
import contextlib
import json
import os
import subprocess
import time

from outcome import Scenarios, Wrong, expect, require, short
from servers import PROJECT

WORKERS = 2
scenarios = Scenarios("gcloud")
AVRO = json.dumps({"type": "record", "name": "State", "fields": [
    {"name": "name", "type": "string"}, {"name": "id", "type": "int"}]})
AVRO_MORE = json.dumps({"type": "record", "name": "State", "fields": [
    {"name": "name", "type": "string"}, {"name": "id", "type": "int"},
    {"name": "note", "type": "string", "default": ""}]})
UPPER = """function upper(message, metadata) {
  if (message.attributes.drop) return null;
  return {data: message.data.toUpperCase(), attributes: message.attributes};
}"""


class Gcloud:
    """Runs commands against one server."""

    def __init__(self, server):
        self.directory = server.directory
        self.count = 0
        self.environment = {
            **server.environment(), "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "1", "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{server.address}/", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CONFIG": str(self.directory / "gcloud"), "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1"}

    def id(self):
        self.count += 1
        return f"gcloud-{time.monotonic_ns():x}-{os.getpid()}-{self.count}"

    def run(self, *arguments, seconds=45):
        try:
            return subprocess.run(["gcloud", "pubsub", *map(str, arguments), "--format=json", "--quiet"],
                                  capture_output=True, text=True, check=False, timeout=seconds, env=self.environment)
        except subprocess.TimeoutExpired:
            raise Wrong(f"gcloud pubsub {' '.join(map(str, arguments[:3]))}: no end within {seconds} s") from None

    def __call__(self, *arguments):
        """The answer's JSON."""
        done = self.run(*arguments)
        if done.returncode:
            text = done.stderr
            if "UNIMPLEMENTED" in text or "unimplemented" in text or "does not support" in text or "not found: 501" in text:
                raise NotImplementedError(f"gcloud pubsub {' '.join(map(str, arguments[:2]))}: {short(text)}")
            raise Wrong(f"gcloud pubsub {' '.join(map(str, arguments[:3]))}: {short(text)}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, what, reason, *arguments):
        """Some commands print the status, others its message alone."""
        done = self.run(*arguments)
        require(f"{what}: accepted", done.returncode)
        said = done.stderr.lower().replace("_", " ")
        require(f"{what}: {short(done.stderr)} instead of {reason}", reason in said)

    def none(self, subscription, what):
        """Nothing within some seconds: a server may hold an empty pull for long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(["gcloud", "pubsub", "subscriptions", "pull", subscription, "--limit=1",
                                   "--format=json"], capture_output=True, text=True, check=False, timeout=8,
                                  env=self.environment)
            require(f"{what}: {short(done.stdout or done.stderr)}",
                    done.returncode == 0 and not json.loads(done.stdout or "[]"))

    def topic(self, *flags):
        name = self.id()
        self("topics", "create", name, *flags)
        return name

    def subscription(self, topic, *flags):
        name = self.id()
        self("subscriptions", "create", name, f"--topic={topic}", "--ack-deadline=60", *flags)
        return name

    def pull(self, subscription, *flags, want=1):
        received, deadline = [], time.monotonic() + 20
        while len(received) < want and time.monotonic() < deadline:
            received += self("subscriptions", "pull", subscription, "--limit=10", *flags) or []
        expect("the number of messages pulled", len(received), want)
        return received

    def file(self, name, text):
        path = self.directory / f"{name}-{self.id()}"
        path.write_text(text, encoding="utf-8")
        return path


def text(received):
    return base64.b64decode(received["message"]["data"]).decode()


def texts(received):
    return sorted(map(text, received))


@scenarios("topics")
def topics(g):
    topic = g.topic()
    subscription = g.subscription(topic)
    expect("describe", g("topics", "describe", topic)["name"], f"projects/{PROJECT}/topics/{topic}")
    require("list lacks it", any(t["name"].endswith(topic) for t in g("topics", "list")))
    of_topic = g("topics", "list-subscriptions", topic)
    require(f"list-subscriptions: {of_topic}", len(of_topic) == 1 and of_topic[0].endswith(subscription))
    g("topics", "delete", topic)
    g.refused("describe after delete", "not found", "topics", "describe", topic)


@scenarios("topic-update")
def topic_update(g):
    topic = g.topic()
    g("topics", "update", topic, "--update-labels=a=b", "--message-retention-duration=1h")
    stored = g("topics", "describe", topic)
    expect("changes", [stored["labels"], stored["messageRetentionDuration"]], [{"a": "b"}, "3600s"])


@scenarios("subscriptions")
def subscriptions(g):
    topic = g.topic()
    name = g.subscription(topic, "--enable-message-ordering", "--retain-acked-messages",
                          "--message-retention-duration=20m", "--expiration-period=never")
    stored = g("subscriptions", "describe", name)
    expect("settings", [stored["ackDeadlineSeconds"], stored["enableMessageOrdering"], stored["retainAckedMessages"],
                        stored["messageRetentionDuration"], stored["expirationPolicy"]], [60, True, True, "1200s", {}])
    require("list lacks it", any(x["name"].endswith(name) for x in g("subscriptions", "list")))
    g("subscriptions", "delete", name)
    g.refused("describe after delete", "not found", "subscriptions", "describe", name)


@scenarios("subscription-update")
def subscription_update(g):
    name = g.subscription(g.topic())
    g("subscriptions", "update", name, "--ack-deadline=40", "--min-retry-delay=1s", "--max-retry-delay=9s")
    stored = g("subscriptions", "describe", name)
    expect("changes", [stored["ackDeadlineSeconds"], stored["retryPolicy"]["maximumBackoff"]], [40, "9s"])


@scenarios("labels")
def labels(g):
    topic = g.topic("--labels=team=data")
    expect("labels", g("topics", "describe", topic)["labels"], {"team": "data"})
    name = g.subscription(topic, "--labels=a=b")
    expect("labels", g("subscriptions", "describe", name)["labels"], {"a": "b"})


@scenarios("paging")
def paging(g):
    topic = g.topic()
    made = sorted(g.subscription(topic) for _ in range(3))
    listed = g("topics", "list-subscriptions", topic, "--page-size=2")
    expect("the pages together", sorted(x.rsplit("/", 1)[1] for x in listed), made)


@scenarios("error-codes")
def error_codes(g):
    topic = g.topic()
    g.refused("a topic twice", "already exists", "topics", "create", topic)
    g.refused("publish to no topic", "not found", "topics", "publish", "missing-topic", "--message=x")
    g.refused("a bad name", "invalid", "topics", "create", "goog-reserved")


@scenarios("detach")
def detach(g):
    name = g.subscription(g.topic())
    g("topics", "detach-subscription", name)
    expect("detached", g("subscriptions", "describe", name).get("detached"), True)


@scenarios("publish")
def publish(g):
    topic = g.topic()
    subscription = g.subscription(topic, "--enable-message-ordering")
    sent = g("topics", "publish", topic, "--message=größe", "--attribute=a=1,b=2", "--ordering-key=k")
    message = g.pull(subscription, "--auto-ack")[0]["message"]
    expect("data", base64.b64decode(message["data"]).decode(), "größe")
    expect("the rest", [message["attributes"], message["orderingKey"], [message["messageId"]]],
           [{"a": "1", "b": "2"}, "k", sent["messageIds"]])


@scenarios("pull")
def pull(g):
    topic = g.topic()
    subscription = g.subscription(topic)
    g("topics", "publish", topic, "--message=one")
    received = g.pull(subscription)
    g("subscriptions", "ack", subscription, f"--ack-ids={received[0]['ackId']}")
    g("subscriptions", "modify-message-ack-deadline", subscription, f"--ack-ids={received[0]['ackId']}", "--ack-deadline=0")
    g.none(subscription, "an acknowledged message came back")


@scenarios("lease-extension")
def lease_extension(g):
    topic = g.topic()
    subscription = g.subscription(topic)
    g("topics", "publish", topic, "--message=one")
    received = g.pull(subscription)
    g("subscriptions", "modify-message-ack-deadline", subscription, f"--ack-ids={received[0]['ackId']}",
      "--ack-deadline=600")
    g.none(subscription, "given out while it is leased")


@scenarios("nack")
def nack(g):
    topic = g.topic()
    subscription = g.subscription(topic)
    g("topics", "publish", topic, "--message=again")
    received = g.pull(subscription)
    g("subscriptions", "modify-message-ack-deadline", subscription, f"--ack-ids={received[0]['ackId']}",
      "--ack-deadline=0")
    expect("redelivered", texts(g.pull(subscription)), ["again"])


@scenarios("filter")
def filters(g):
    topic = g.topic()
    subscription = g.subscription(topic, '--message-filter=attributes.kind = "a"')
    g("topics", "publish", topic, "--message=no", "--attribute=kind=b")
    g("topics", "publish", topic, "--message=yes", "--attribute=kind=a")
    expect("what passes", texts(g.pull(subscription, "--auto-ack")), ["yes"])


@scenarios("seek-time")
def seek_time(g):
    topic = g.topic()
    subscription = g.subscription(topic, "--retain-acked-messages")
    g("topics", "publish", topic, "--message=one")
    g.pull(subscription, "--auto-ack")
    g("subscriptions", "seek", subscription, "--time=-PT10M")
    expect("after a seek back", texts(g.pull(subscription, "--auto-ack")), ["one"])


@scenarios("seek-snapshot")
def seek_snapshot(g):
    topic = g.topic()
    subscription = g.subscription(topic)
    g("topics", "publish", topic, "--message=left")
    snapshot = g.id()
    g("snapshots", "create", snapshot, f"--subscription={subscription}")
    g.pull(subscription, "--auto-ack")
    g("subscriptions", "seek", subscription, f"--snapshot={snapshot}")
    expect("after the seek", texts(g.pull(subscription, "--auto-ack")), ["left"])


@scenarios("snapshots")
def snapshots(g):
    subscription = g.subscription(g.topic())
    snapshot = g.id()
    g("snapshots", "create", snapshot, f"--subscription={subscription}", "--labels=a=b")
    expect("labels", g("snapshots", "describe", snapshot)["labels"], {"a": "b"})
    listed = g("snapshots", "list")
    require(f"list lacks it: {listed}", any(snapshot in json.dumps(x) for x in listed))
    g("snapshots", "delete", snapshot)
    g.refused("describe after delete", "not found", "snapshots", "describe", snapshot)


@scenarios("schema-admin")
def schema_admin(g):
    schema = g.id()
    g("schemas", "create", schema, "--type=avro", f"--definition={AVRO}")
    expect("definition", g("schemas", "describe", schema)["definition"], AVRO)
    require("list lacks it", any(x["name"].endswith(schema) for x in g("schemas", "list")))
    g("schemas", "validate-schema", "--type=avro", f"--definition={AVRO}")
    check = ("schemas", "validate-message", "--message-encoding=json", f"--schema-name={schema}")
    g(*check, '--message={"name": "A", "id": 1}')
    g.refused("a wrong message", "invalid", *check, '--message={"name": 1}')
    g("schemas", "delete", schema)
    g.refused("describe after delete", "not found", "schemas", "describe", schema)


@scenarios("schema-revisions")
def schema_revisions(g):
    schema = g.id()
    g("schemas", "create", schema, "--type=avro", f"--definition={AVRO}")
    first = g("schemas", "describe", schema)["revisionId"]
    g("schemas", "commit", schema, "--type=avro", f"--definition={AVRO_MORE}")
    second = g("schemas", "describe", schema)["revisionId"]
    expect("revisions", sorted(x["revisionId"] for x in g("schemas", "list-revisions", schema)), sorted([first, second]))
    g("schemas", "rollback", schema, f"--revision-id={first}")
    expect("after the rollback", g("schemas", "describe", schema)["definition"], AVRO)
    g("schemas", "delete-revision", f"{schema}@{second}")
    expect("after deleting the second", len(g("schemas", "list-revisions", schema)), 2)


def transforms_file(g):
    return g.file("transforms.json", json.dumps([{"javascriptUdf": {"functionName": "upper", "code": UPPER}}]))


@scenarios("transform-topic")
def transform_topic(g):
    topic = g.topic(f"--message-transforms-file={transforms_file(g)}")
    subscription = g.subscription(topic)
    g("topics", "publish", topic, "--message=hello")
    expect("the message", texts(g.pull(subscription, "--auto-ack")), ["HELLO"])


@scenarios("transform-subscription")
def transform_subscription(g):
    topic = g.topic()
    subscription = g.subscription(topic, f"--message-transforms-file={transforms_file(g)}")
    g("topics", "publish", topic, "--message=hello")
    expect("the message", texts(g.pull(subscription, "--auto-ack")), ["HELLO"])


@scenarios("transform-validate")
def transform_validate(g):
    one = g.file("transform.json", json.dumps({"javascriptUdf": {"functionName": "upper", "code": UPPER}}))
    g("message-transforms", "validate", f"--message-transform-file={one}")
    broken = g.file("broken.json", json.dumps({"javascriptUdf": {"functionName": "upper", "code": "function ( {"}}))
    g.refused("a broken script", "invalid", "message-transforms", "validate", f"--message-transform-file={broken}")
    answer = g("message-transforms", "test", "--message=hello", f"--message-transforms-file={transforms_file(g)}")
    expect("the message", answer[0]["data"], "HELLO")


@scenarios("iam")
def iam(g):
    topic = g.topic()
    g("topics", "add-iam-policy-binding", topic, "--member=user:a@example.com", "--role=roles/pubsub.viewer")
    stored = g("topics", "get-iam-policy", topic)
    expect("bindings", stored["bindings"], [{"members": ["user:a@example.com"], "role": "roles/pubsub.viewer"}])
    g("topics", "remove-iam-policy-binding", topic, "--member=user:a@example.com", "--role=roles/pubsub.viewer")
    expect("after removal", g("topics", "get-iam-policy", topic).get("bindings", []), [])


def run(server, features=()):
    if not server.rest:
        for feature in scenarios.functions:
            if not features or feature in features:
                yield {"feature": feature, "client": "gcloud", "result": "not offered", "detail": "it speaks gRPC only"}
        return
    yield from scenarios.run_all(features, WORKERS, Gcloud(server))
