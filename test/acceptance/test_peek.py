"""peek and tail: a topic's messages without consuming them."""
import base64
import json
import subprocess

from instance import BINARY, clean_environment, wait_until
from pipeline import message, publish


def lines(output):
    return [json.loads(line) for line in output.splitlines()]


def texts(output):
    return [base64.b64decode(line["data"]).decode() for line in lines(output)]


def test_peek_shows_what_is_retained_and_consumes_nothing(shared, clients):
    topic, name = clients.pair()
    ids = clients.publish_messages(topic, [
        {"data": b"\x00\xff", "attributes": {"k": "ñ"}, "ordering_key": "key"}, {"data": b"second"}])
    first, second = lines(shared.run("peek", topic).stdout)
    assert first["message_id"] == ids[0] and base64.b64decode(first["data"]) == b"\x00\xff"
    assert first["attributes"] == {"k": "ñ"} and first["ordering_key"] == "key" and first["sequence"] == 1
    assert second["sequence"] == 2 and second["publish_time"].endswith("Z")
    received = clients.pull_all(name, 2)
    clients.ack(name, received)
    # Acknowledged messages are there until their segment goes.
    assert len(lines(shared.run("peek", topic).stdout)) == 2


def test_peek_goes_on_after_a_sequence_or_since_a_time_through_a_filter(shared, clients):
    topic = clients.topic()
    for start in range(0, 3000, 500):
        clients.publish_messages(topic, [
            {"data": str(i).encode(), "attributes": {"tenth": "yes" if i % 10 == 0 else "no"}}
            for i in range(start, start + 500)])
    short = topic.rsplit("/", 1)[1]
    everything = lines(shared.run("peek", short, "--limit", "5000").stdout)
    assert [line["sequence"] for line in everything] == list(range(1, 3001))
    assert texts(shared.run("peek", topic, "--after", "2997").stdout) == ["2997", "2998", "2999"]
    assert texts(shared.run("peek", topic, "--limit", "3", "--filter", 'attributes.tenth = "yes"').stdout) == [
        "0", "10", "20"]
    since = everything[1500]["publish_time"]
    first = lines(shared.run("peek", topic, "--since", since, "--limit", "1").stdout)[0]
    assert first == next(line for line in everything if line["publish_time"] == since)
    assert shared.run("peek", topic, "--since", "2999-01-01T00:00:00Z").stdout == ""


def test_wrong_questions_are_refused_by_name(shared, clients):
    topic = clients.topic()
    assert "nobody" in shared.run("peek", "nobody", code=1).stderr
    for flags in (["--filter", "nonsense"], ["--since", "noon"], ["--after", "-1"],
                  ["--since", "2020-01-01T00:00:00Z", "--after", "1"]):
        shared.run("peek", topic, *flags, code=2)
    assert shared.admin("/v1/peek").status_code == 400
    assert shared.admin("/v1/peek", params={"topic": topic, "limit": "1001"}).status_code == 400
    assert shared.admin("/v1/peek", params={"topic": topic, "colour": "red"}).status_code == 400
    assert shared.admin("/v1/peek", params={"topic": "projects/p/topics/none"}).status_code == 404


def test_tail_follows_from_the_end(shared, clients):
    topic = clients.topic()
    clients.publish(topic, b"before")
    with subprocess.Popen([BINARY, "tail", topic, "--limit", "2", "--data-dir", str(shared.data_dir)],
                          stdout=subprocess.PIPE, env=clean_environment()) as process:
        # One more until it is there: it says nothing when it has found the end.
        wait_until(lambda: clients.publish(topic, b"after") and process.poll() is not None, seconds=10)
        output = process.stdout.read().decode()
    assert texts(output) == ["after", "after"] and process.returncode == 0


def test_a_peek_sees_a_functions_topic(shared):
    publish(shared, [message('{"id": 1}')])
    wait_until(lambda: texts(shared.run("peek", "Data").stdout) == ['{"id": 1}'])
