"""Message transforms: Google's client, and `gcloud pubsub message-transforms` where it is installed."""
import base64
import json
import os
import shutil
import subprocess

import pytest
from google.api_core import exceptions

from google_clients import QUICK, datas

UPPER = """function upper(message, metadata) {
  if (message.data === 'drop') return null;
  if (message.data === 'throw') throw new Error('not ' + message.data);
  message.data = message.data.toUpperCase();
  message.attributes.by = 'upper';
  return message;
}"""
ENDLESS = "function endless() { while (true) {} }"


def script(code, name="upper", **settings):
    return {"javascript_udf": {"function_name": name, "code": code}, **settings}


def test_a_topics_transform_changes_drops_and_refuses(clients):
    topic = clients.topic(message_transforms=[script(UPPER)])
    name = clients.subscription(topic)
    ids = clients.publish(topic, b"one", b"drop", b"two", mine="x")
    assert len(set(ids)) == 3 and all(ids)
    received = clients.pull_all(name, 2)
    assert datas(received) == [b"ONE", b"TWO"]
    assert dict(received[0].message.attributes) == {"mine": "x", "by": "upper"}
    assert [r.message.message_id for r in received] == [ids[0], ids[2]]
    with pytest.raises(exceptions.InvalidArgument) as refused:
        clients.publish(topic, b"three", b"throw")
    assert "upper: Error: not throw (line 3" in refused.value.message
    assert clients.nothing_to_pull(name)
    assert len(clients.publish(topic, b"drop")) == 1


def test_an_endless_transform_fails_its_publish_and_harms_no_other(clients):
    endless = clients.topic(message_transforms=[script(ENDLESS, "endless")])
    topic, name = clients.pair()
    with pytest.raises(exceptions.GoogleAPICallError) as refused:
        clients.publish(endless, b"x")
    assert "ran longer than 500 ms" in refused.value.message
    clients.publish(topic, b"other")
    assert datas(clients.pull(name)) == [b"other"]


def test_a_transform_that_does_not_compile_is_refused_with_its_line(clients):
    for settings in (script("function upper(message) {\n  return (;\n}"), script("function other() {}")):
        with pytest.raises(exceptions.InvalidArgument) as refused:
            clients.topic(message_transforms=[settings])
        assert "upper" in refused.value.message
    topic = clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(topic, message_transforms=[script("function upper( {}")])


def test_an_update_disables_it(clients):
    topic = clients.topic(message_transforms=[script(UPPER)])
    name = clients.subscription(topic)
    clients.publisher.update_topic(request={
        "topic": {"name": topic, "message_transforms": [script(UPPER, disabled=True)]},
        "update_mask": {"paths": ["message_transforms"]}}, **QUICK)
    clients.publish(topic, b"drop")
    assert datas(clients.pull(name)) == [b"drop"]


def test_a_subscriptions_transform_changes_and_drops(clients):
    topic = clients.topic()
    changed = clients.subscription(topic, message_transforms=[script(UPPER)])
    plain = clients.subscription(topic)
    clients.publish(topic, b"drop", b"one")
    assert datas(clients.pull(changed)) == [b"ONE"]
    assert sorted(datas(clients.pull_all(plain, 2))) == [b"drop", b"one"]


def test_a_subscriptions_failing_transform_leads_to_its_dead_letter_topic(clients):
    topic, dead_letters = clients.topic(), clients.topic()
    failed = clients.subscription(dead_letters)
    name = clients.subscription(
        topic, message_transforms=[script(UPPER)],
        retry_policy={"minimum_backoff": {"seconds": 0}, "maximum_backoff": {"seconds": 0}},
        dead_letter_policy={"dead_letter_topic": dead_letters, "max_delivery_attempts": 5})
    clients.publish(topic, b"throw")
    assert clients.pull(name, seconds=3) == []
    assert datas(clients.pull_all(failed, 1)) == [b"throw"], "as it was published"


# The two methods that only REST and gcloud know.

def call(shared, clients, method, body):
    return shared.rest("POST", f"{clients.project}:{method}", body)


def test_validate_and_test_over_rest(shared, clients):
    transform = {"javascriptUdf": {"functionName": "upper", "code": UPPER}}
    answer = call(shared, clients, "validateMessageTransform", {"messageTransform": transform})
    assert answer.status_code == 200 and answer.json() == {}
    answer = call(shared, clients, "validateMessageTransform", {"messageTransform": {
        "javascriptUdf": {"functionName": "upper", "code": "function upper() {\n ( }"}}})
    assert answer.status_code == 400 and "line 2" in answer.json()["error"]["message"]

    def tested(data, **transforms):
        body = {"message": {"data": base64.b64encode(data).decode(), "attributes": {"a": "1"}}, **transforms}
        answer = call(shared, clients, "testMessageTransforms", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["transformedMessages"]

    def data_of(outcome):
        return base64.b64decode(outcome["transformedMessage"]["data"])

    again = {"javascriptUdf": {"functionName": "again",
                               "code": "function again(m) { return {data: m.data + m.data, attributes: {}}; }"}}
    first, second = tested(b"one", messageTransforms={"messageTransforms": [transform, again]})
    assert data_of(first) == b"ONE" and first["transformedMessage"]["attributes"] == {"a": "1", "by": "upper"}
    assert data_of(second) == b"ONEONE" and "attributes" not in second["transformedMessage"]
    both = {"messageTransforms": {"messageTransforms": [transform, again]}}
    assert tested(b"drop", **both) == [{"filteredMessage": {}}]
    failed, = tested(b"throw", **both)
    assert failed["failedMessage"]["error"]["code"] == 3
    assert "not throw" in failed["failedMessage"]["error"]["message"]
    topic = clients.topic(message_transforms=[script(UPPER)])
    name = clients.subscription(clients.topic(), message_transforms=[script(UPPER)])
    assert data_of(*tested(b"one", topic=topic)) == b"ONE"
    assert data_of(*tested(b"one", subscription=name)) == b"ONE"


@pytest.fixture
def gcloud(shared, clients, tmp_path):
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    port = shared.doors["pubsub"].rsplit(":", 1)[1]
    environment = {**os.environ, "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
                   "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://127.0.0.1:{port}/",
                   "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                   "CLOUDSDK_CORE_PROJECT": clients.project.removeprefix("projects/")}

    def run(*arguments):
        return subprocess.run(["gcloud", "pubsub", *arguments, "--format=json"], env=environment, timeout=60,
                              capture_output=True, text=True, check=False)
    return run


def test_gcloud_validates_and_tests(gcloud, tmp_path):
    one, many, bad = tmp_path / "one.json", tmp_path / "many.json", tmp_path / "bad.json"
    transform = {"javascriptUdf": {"functionName": "upper", "code": UPPER}}
    one.write_text(json.dumps(transform))
    many.write_text(json.dumps([transform]))
    bad.write_text(json.dumps({"javascriptUdf": {"functionName": "upper", "code": "function upper( {}"}}))
    valid = gcloud("message-transforms", "validate", f"--message-transform-file={one}")
    assert valid.returncode == 0 and "is valid" in valid.stderr, valid.stderr
    invalid = gcloud("message-transforms", "validate", f"--message-transform-file={bad}")
    assert invalid.returncode != 0 and "SyntaxError" in invalid.stderr
    tested = gcloud("message-transforms", "test", f"--message-transforms-file={many}", "--message=one",
                    "--attribute=a=1")
    assert tested.returncode == 0, tested.stderr
    answer, = json.loads(tested.stdout)
    assert answer["data"] == "ONE"
