"""--testing: a clock that is set forward, and faults by name."""
import time

import pytest
import requests
from google.api_core import exceptions

from google_clients import QUICK, Clients, datas
from instance import run_afluente, wait_until, write_pipeline
from pipeline import EVENTS, PROJECT
from push_endpoint import Endpoint


@pytest.fixture
def testing(launch):
    return launch(flags=["--testing"])


@pytest.fixture
def clients(testing):
    made = Clients(testing)
    yield made
    made.close()


def advance(instance, duration):
    return instance.run("testing", "clock", "--advance", duration).stdout.strip()


def put(instance, name, **fault):
    answer = requests.put(f"{instance.doors['admin']}/v1/testing/faults/{name}", json=fault, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_the_flag_there_is_nothing_of_it(shared):
    for method, path in (("POST", "clock"), ("GET", "clock"), ("GET", "faults"), ("PUT", "faults/x"),
                         ("DELETE", "faults/x")):
        answer = requests.request(method, f"{shared.doors['admin']}/v1/testing/{path}", json={}, timeout=10)
        assert answer.status_code == 404, (method, path)
    shared.run("testing", "clock", "--advance", "1h", code=1)


def test_it_is_refused_off_loopback(tmp_path):
    spec = write_pipeline(tmp_path, EVENTS, {"queries/event.sql": "SELECT 1 WHERE 1 = @id", "queries/count.sql": "SELECT 1"})
    for door in ("--pubsub-listen", "--api-listen", "--admin-listen"):
        result = run_afluente("up", spec, "--data-dir", tmp_path / "data", "--testing", door, "0.0.0.0:0", code=2)
        assert "with --testing every door stays on loopback" in result.stderr


def test_a_lease_runs_out_at_once(testing, clients):
    topic, name = clients.pair(ack_deadline_seconds=600)
    clients.publish(topic, b"m")
    first = clients.pull(name)
    assert len(first) == 1 and clients.nothing_to_pull(name, 0.5)
    advance(testing, "601s")
    assert datas(clients.pull(name)) == [b"m"]


def test_a_waiting_pull_gets_what_a_jump_frees(testing, clients):
    topic, name = clients.pair(ack_deadline_seconds=600)
    clients.publish(topic, b"m")
    clients.pull(name)
    received = []
    stream = clients.stream(name, lambda m: (received.append(m.data), m.ack()))
    try:
        time.sleep(0.5)
        assert received == []
        advance(testing, "11m")
        wait_until(lambda: received == [b"m"], seconds=5)
    finally:
        stream.cancel()
        stream.result(timeout=10)


def test_an_unused_subscription_expires_and_times_go_on(testing, clients):
    topic, name = clients.pair(expiration_policy={"ttl": {"seconds": 86400}})
    _, kept = clients.pair(expiration_policy={})
    before = testing.admin("/v1/testing/clock").json()["now"]
    after = advance(testing, "25h")
    assert after[:10] > before[:10]
    with pytest.raises(exceptions.NotFound):
        clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert clients.subscriber.get_subscription(request={"subscription": kept}, **QUICK).name == kept
    other = clients.subscription(topic)
    clients.publish(topic, b"later")
    published = clients.pull(other)[0].message.publish_time.timestamp()
    assert published - time.time() > 24 * 3600


def test_a_pause_of_pushes_ends_at_once(testing, clients):
    endpoint = Endpoint(answer=lambda push: 500)
    try:
        topic, _ = clients.pair(push_config={"push_endpoint": endpoint.url})
        clients.publish(topic, b"m")
        for _ in range(15):  # the pause doubles from 0.1 s to a minute: longer than is waited here
            count = len(endpoint.pushes)
            advance(testing, "61s")
            wait_until(lambda: len(endpoint.pushes) > count, seconds=40)  # noqa: B023 (called before the next turn)
    finally:
        endpoint.close()


def test_a_duplicate_is_delivered_twice(testing, clients):
    topic, name = clients.pair()
    put(testing, "twice", subscription=name, kind="duplicate", count=1)
    clients.publish(topic, b"m")
    received = clients.pull_all(name, 2)
    assert datas(received) == [b"m", b"m"]
    clients.ack(name, received)
    assert clients.nothing_to_pull(name, 0.5)
    line = testing.admin("/v1/testing/faults").json()["faults"][0]
    assert (line["name"], line["struck"], line["count"]) == ("twice", 1, 0)


def test_a_delay_is_by_the_clock(testing, clients):
    topic, name = clients.pair()
    put(testing, "late", subscription=name.rsplit("/", 1)[1], kind="delay", delay="30s", count=1)
    clients.publish(topic, b"m")
    received = []
    stream = clients.stream(name, lambda m: (received.append(m.data), m.ack()))
    try:
        time.sleep(0.7)
        assert received == []
        advance(testing, "30s")
        wait_until(lambda: received == [b"m"], seconds=5)
    finally:
        stream.cancel()
        stream.result(timeout=10)


def test_a_nack_brings_the_message_again(testing, clients):
    topic, name = clients.pair()
    put(testing, "nacks", subscription=name, kind="nack", count=3)
    clients.publish(topic, b"m")
    received = clients.pull(name)
    assert datas(received) == [b"m"]
    assert testing.admin("/v1/testing/faults").json()["faults"][0]["struck"] == 3


def test_unavailable_is_what_clients_are_told(testing, clients):
    topic, name = clients.pair()
    put(testing, "publish", topic=topic, kind="unavailable", count=1)
    with pytest.raises(exceptions.ServiceUnavailable):
        clients.publish(topic, b"m")
    clients.publish(topic, b"m")
    put(testing, "pull", subscription=name, kind="unavailable", count=1)
    with pytest.raises(exceptions.ServiceUnavailable):
        clients.pull(name)
    assert datas(clients.pull(name)) == [b"m"]


def test_a_stop_waits_for_no_fault(testing, clients):
    topic, name = clients.pair()
    clients.publish(topic, b"m")
    put(testing, "slow", topic=topic, kind="delay", delay="1h")
    put(testing, "nacks", subscription=name, kind="nack")
    published = clients.publisher.publish(topic, b"late")
    stream = clients.stream(name, lambda m: m.ack())
    time.sleep(0.5)
    assert not published.done()
    assert testing.terminate() < 8
    stream.cancel()


def test_a_fault_strikes_pushes_too(testing, clients):
    endpoint = Endpoint()
    try:
        topic = clients.topic()
        name = f"{clients.project}/subscriptions/pushed"
        put(testing, "twice", subscription=name, kind="duplicate", count=1)
        clients.subscriber.create_subscription(
            request={"name": name, "topic": topic, "push_config": {"push_endpoint": endpoint.url}}, **QUICK)
        clients.publish(topic, b"m")
        wait_until(lambda: endpoint.datas() == [b"m", b"m"])
    finally:
        endpoint.close()


def test_faults_are_listed_and_removed_by_command(testing):
    testing.run("testing", "fault", "slow", '{"topic": "Data", "kind": "delay", "delay": "2s", "probability": 0.5}')
    listed = testing.admin("/v1/testing/faults").json()["faults"]
    assert listed == [{"name": "slow", "topic": f"projects/{PROJECT}/topics/Data", "kind": "delay",
                       "delay": "2000ms", "probability": 0.5, "struck": 0}]
    testing.run("testing", "heal", "slow")
    assert testing.admin("/v1/testing/faults").json()["faults"] == []
    testing.run("testing", "heal", "slow", code=1)


@pytest.mark.parametrize("fault", [
    {}, {"kind": "delay", "topic": "Data"}, {"kind": "fire", "topic": "Data"}, {"kind": "nack", "topic": "Data"},
    {"kind": "nack"}, {"kind": "nack", "subscription": "all", "count": 0},
    {"kind": "nack", "subscription": "all", "probability": 2}, {"kind": "nack", "subscription": "all", "colour": 1},
    {"kind": "duplicate", "subscription": "all", "topic": "Data"}, {"kind": "nack", "subscription": "all", "delay": "1s"},
    {"kind": "delay", "subscription": "all", "delay": "soon"}, [1]])
def test_a_senseless_fault_is_refused(testing, fault):
    answer = requests.put(f"{testing.doors['admin']}/v1/testing/faults/x", json=fault, timeout=10)
    assert answer.status_code == 400 and answer.json()["detail"], answer.text
    for bad in ({}, {"advance": "-1s"}, {"advance": 5}, {"advance": "1s", "x": 1}, {"advance": "1000000h"}):
        clock = requests.post(f"{testing.doors['admin']}/v1/testing/clock", json=bad, timeout=10)
        assert clock.status_code == 400, bad
