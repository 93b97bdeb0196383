"""Exactly-once delivery, retries, delivery attempts and dead letters through Google's client."""
import datetime
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.protobuf import duration_pb2, field_mask_pb2
from google.rpc import error_details_pb2

from google_clients import QUICK, Clients, datas
from instance import wait_until

INVALID = "PERMANENT_FAILURE_INVALID_ACK_ID"


def seconds(value):
    return duration_pb2.Duration(seconds=value)


def error_info(error):
    """The one ErrorInfo in the details of a client's exception."""
    infos = [d for d in error.details if isinstance(d, error_details_pb2.ErrorInfo)]
    assert len(infos) == 1, error.details
    return infos[0]


def dead_letter_pair(clients, **settings):
    """A topic and a subscription whose dead letters go to another topic and subscription."""
    dead_topic, dead = clients.pair()
    topic, name = clients.pair(
        dead_letter_policy={"dead_letter_topic": dead_topic, "max_delivery_attempts": 5}, **settings)
    return topic, name, dead


# Exactly-once delivery.

def test_an_ack_with_response_says_that_it_succeeded(clients):
    topic, name = clients.pair(enable_exactly_once_delivery=True)
    clients.publish(topic, *(f"m{i}".encode() for i in range(50)))
    outcomes, seen, lock = [], [], threading.Lock()

    def callback(message):
        outcome = message.ack_with_response().result(timeout=20)
        with lock:
            seen.append(message.data)
            outcomes.append(outcome)

    stream = clients.stream(name, callback)
    wait_until(lambda: len(outcomes) >= 50, 30, "every message is acknowledged")
    stream.cancel()
    stream.result(timeout=20)
    assert set(outcomes) == {AcknowledgeStatus.SUCCESS}
    assert sorted(seen) == sorted(f"m{i}".encode() for i in range(50))
    assert clients.nothing_to_pull(name)


def test_an_ack_of_an_expired_lease_is_told_to_the_callback(clients):
    topic, name = clients.pair(enable_exactly_once_delivery=True)
    clients.publish(topic, b"slow")
    first, outcomes = threading.Event(), []

    def callback(message):
        if first.is_set():
            outcomes.append(("again", message.ack_with_response().result(timeout=20)))
            return
        first.set()
        # Somebody gives the message back: this delivery is not the newest any more.
        clients.subscriber.modify_ack_deadline(
            request={"subscription": name, "ack_ids": [message.ack_id], "ack_deadline_seconds": 0}, **QUICK)
        with pytest.raises(AcknowledgeError) as refused:
            message.ack_with_response().result(timeout=20)
        outcomes.append(("first", refused.value.error_code))

    stream = clients.stream(name, callback)
    wait_until(lambda: len(outcomes) == 2, 30, "both deliveries are answered")
    stream.cancel()
    stream.result(timeout=20)
    assert dict(outcomes) == {"first": AcknowledgeStatus.INVALID_ACK_ID, "again": AcknowledgeStatus.SUCCESS}
    assert clients.nothing_to_pull(name)


def test_a_unary_ack_names_the_ids_that_failed_and_takes_the_others(clients, shared):
    topic, name = clients.pair(enable_exactly_once_delivery=True)
    clients.publish(topic, b"a", b"b")
    old, good = clients.pull_all(name, 2)
    clients.extend(name, [old], 0)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        clients.ack(name, [old, good])
    info = error_info(refused.value)
    assert info.reason == "EXACTLY_ONCE_ACKID_FAILURE" and info.domain == "pubsub.googleapis.com"
    assert info.metadata[old.ack_id] == INVALID
    # Clients take what an error does not name for failed: the other is to be sent again.
    assert info.metadata[good.ack_id].startswith("TRANSIENT_FAILURE_")
    with pytest.raises(exceptions.InvalidArgument) as refused:
        clients.extend(name, [old], 30)
    assert dict(error_info(refused.value).metadata) == {old.ack_id: INVALID}
    # REST says the same.
    answer = requests.post(f"http://{shared.doors['pubsub']}/v1/{name}:acknowledge",
                           json={"ackIds": [old.ack_id]}, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["metadata"] == {old.ack_id: INVALID}
    again = clients.pull_all(name, 1)
    assert datas(again) == [old.message.data]
    clients.ack(name, again)
    clients.ack(name, [good])
    assert clients.nothing_to_pull(name)


def test_without_exactly_once_old_ack_ids_are_taken(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"a")
    received = clients.pull_all(name, 1)
    clients.extend(name, received, 0)
    clients.ack(name, received)
    assert clients.nothing_to_pull(name)


def test_what_was_acked_stays_acked_over_kill_and_old_ack_ids_do_not_count(launch):
    instance = launch()
    clients = Clients(instance)
    topic, name = clients.pair(enable_exactly_once_delivery=True)
    clients.publish(topic, *(f"m{i}".encode() for i in range(40)))
    received = clients.pull_all(name, 40)
    acked, kept = received[:20], received[20:]
    clients.ack(name, acked)
    instance.kill()
    instance.start(keep_ports=True)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        wait_for_server(lambda: clients.ack(name, kept))
    assert dict(error_info(refused.value).metadata) == {r.ack_id: INVALID for r in kept}
    again = clients.pull_all(name, 20)
    assert sorted(datas(again)) == sorted(datas(kept))
    clients.ack(name, again)
    assert clients.nothing_to_pull(name)
    clients.close()


def wait_for_server(call):
    """Calls again while the connection is being made anew."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return call()
        except (exceptions.ServiceUnavailable, exceptions.DeadlineExceeded):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_switching_exactly_once_on_reaches_an_open_stream(clients):
    topic, name = clients.pair()
    told, acked = [], []

    def callback(message):
        told.append(message.exactly_once_enabled)
        message.ack_with_response().result(timeout=20)
        acked.append(message.data)

    stream = clients.stream(name, callback)
    clients.publish(topic, b"before")
    wait_until(lambda: len(acked) == 1, 20, "the first message is acknowledged")
    clients.subscriber.update_subscription(request={
        "subscription": {"name": name, "enable_exactly_once_delivery": True},
        "update_mask": field_mask_pb2.FieldMask(paths=["enable_exactly_once_delivery"])}, **QUICK)
    clients.publish(topic, b"after")
    wait_until(lambda: len(acked) == 2, 20, "the second message is acknowledged")
    stream.cancel()
    stream.result(timeout=20)
    assert told == [False, True]


def test_acks_beside_invalid_ones_succeed_for_the_callback(clients):
    topic, name = clients.pair(enable_exactly_once_delivery=True)
    bad, good = [f"bad{i}".encode() for i in range(10)], [f"good{i}".encode() for i in range(10)]
    clients.publish(topic, *bad, *good)
    outcomes, ready, lock = {}, threading.Barrier(20), threading.Lock()

    def callback(message):
        if message.data in outcomes:
            message.ack()
            return
        outcomes[message.data] = None
        if message.data in bad:
            clients.subscriber.modify_ack_deadline(
                request={"subscription": name, "ack_ids": [message.ack_id], "ack_deadline_seconds": 0}, **QUICK)
        ready.wait(timeout=20)  # so that the acks travel together
        try:
            outcome = message.ack_with_response().result(timeout=30)
        except AcknowledgeError as error:
            outcome = error.error_code
        with lock:
            outcomes[message.data] = outcome

    scheduler = ThreadScheduler(ThreadPoolExecutor(max_workers=25))
    stream = clients.stream(name, callback, scheduler=scheduler)
    wait_until(lambda: len(outcomes) == 20 and all(outcomes.values()), 60, "every ack is answered")
    stream.cancel()
    stream.result(timeout=20)
    assert outcomes == {**{data: AcknowledgeStatus.INVALID_ACK_ID for data in bad},
                        **{data: AcknowledgeStatus.SUCCESS for data in good}}
    assert clients.nothing_to_pull(name)


# Ordering.

def test_a_nack_brings_back_the_acknowledged_followers_of_its_key(clients):
    topic, name = clients.pair(enable_message_ordering=True)
    clients.publish_messages(topic, [{"data": str(i).encode(), "ordering_key": "k"} for i in range(5)])
    seen, nacked, lock = [], [], threading.Lock()

    def callback(message):
        with lock:
            seen.append(int(message.data))
            first = message.data == b"1" and not nacked
            if first:
                nacked.append(message)
        if first:
            message.nack()
        else:
            message.ack()

    stream = clients.stream(name, callback)
    wait_until(lambda: len(seen) >= 9, 30, "the followers come again")
    stream.cancel()
    stream.result(timeout=20)
    assert seen == [0, 1, 2, 3, 4, 1, 2, 3, 4]
    assert clients.nothing_to_pull(name)


@pytest.mark.parametrize("late", [False, True], ids=["acks before the nack", "acks after the nack"])
def test_a_unary_nack_brings_back_the_acknowledged_followers_of_its_key(clients, late):
    topic, name = clients.pair(enable_message_ordering=True)
    clients.publish_messages(topic, [{"data": str(i).encode(), "ordering_key": "k"} for i in range(5)])
    received = clients.pull(name, 5)
    assert datas(received) == [b"0", b"1", b"2", b"3", b"4"]
    steps = [lambda: clients.ack(name, received[2:]), lambda: clients.extend(name, received[1:2], 0)]
    for step in reversed(steps) if late else steps:
        step()
    clients.ack(name, received[:1])
    again = clients.pull_all(name, 4)
    assert datas(again) == [b"1", b"2", b"3", b"4"]
    clients.ack(name, again)
    assert clients.nothing_to_pull(name)


def test_acks_of_a_key_in_any_order_are_durable_once_the_earliest_is(launch):
    instance = launch()
    clients = Clients(instance)
    topic, name = clients.pair(enable_message_ordering=True)
    clients.publish_messages(topic, [{"data": str(i).encode(), "ordering_key": "k"} for i in range(5)])
    received = clients.pull(name, 5)
    assert len(received) == 5
    for each in (received[2], received[1]):
        clients.ack(name, [each])
    clients.ack(name, received[:1])
    instance.kill()
    instance.start(keep_ports=True)
    assert wait_for_server(lambda: datas(clients.pull_all(name, 2))) == [b"3", b"4"]
    clients.close()


# Retries.

def test_a_nacked_message_waits_longer_each_time(clients):
    topic, name = clients.pair(retry_policy={"minimum_backoff": seconds(1), "maximum_backoff": seconds(3)})
    clients.publish(topic, b"again")
    received = clients.pull_all(name, 1)
    for least in (1, 2, 3):
        clients.extend(name, received, 0)
        begin = time.monotonic()
        received = clients.pull_all(name, 1)
        assert datas(received) == [b"again"] and time.monotonic() - begin > least - 0.3


def test_a_key_waits_as_a_whole_and_keeps_its_order(clients):
    topic, name = clients.pair(enable_message_ordering=True,
                               retry_policy={"minimum_backoff": seconds(2), "maximum_backoff": seconds(2)})
    clients.publish_messages(topic, [{"data": f"k{i}".encode(), "ordering_key": "k"} for i in range(4)])
    received = clients.pull_all(name, 4)
    clients.ack(name, received[:1])
    clients.extend(name, received[1:2], 0)
    begin = time.monotonic()
    again = clients.pull_all(name, 3)
    assert datas(again) == [b"k1", b"k2", b"k3"]
    assert time.monotonic() - begin > 1.8


@pytest.mark.parametrize("bad", [
    {"retry_policy": {"minimum_backoff": seconds(601)}},
    {"retry_policy": {"minimum_backoff": seconds(20), "maximum_backoff": seconds(10)}},
    {"dead_letter_policy": {"dead_letter_topic": "own", "max_delivery_attempts": 4}},
    {"dead_letter_policy": {"dead_letter_topic": "own", "max_delivery_attempts": 101}},
    {"dead_letter_policy": {"dead_letter_topic": "not a topic"}},
], ids=["backoff", "backoffs", "few-attempts", "many-attempts", "topic"])
def test_bad_policies_are_refused(clients, bad):
    topic = clients.topic()
    if bad.get("dead_letter_policy", {}).get("dead_letter_topic") == "own":
        bad = {"dead_letter_policy": {**bad["dead_letter_policy"], "dead_letter_topic": topic}}
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(topic, **bad)


# Dead letters.

def fail(clients, name, attempts, first=1):
    """Nacks the one message so many times; returns the attempts that were told."""
    told = []
    for _ in range(first, first + attempts):
        received = clients.pull_all(name, 1)
        told.append(received[0].delivery_attempt)
        clients.extend(name, received, 0)
    return told


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_topic(clients):
    topic, name, dead = dead_letter_pair(clients)
    clients.publish(topic, b"poison", kind="x")
    published = datetime.datetime.now(datetime.timezone.utc)
    assert fail(clients, name, 5) == [1, 2, 3, 4, 5]
    received = clients.pull_all(dead, 1)
    assert datas(received) == [b"poison"]
    attributes = dict(received[0].message.attributes)
    at = datetime.datetime.fromisoformat(attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime"))
    assert abs((at - published).total_seconds()) < 60
    assert attributes == {
        "kind": "x", "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": name.split("/")[-1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": name.split("/")[1]}
    assert clients.nothing_to_pull(name)


def test_attempts_and_dead_letters_survive_kill(launch):
    instance = launch()
    clients = Clients(instance)
    topic, name, dead = dead_letter_pair(clients)
    clients.publish(topic, b"poison")
    assert fail(clients, name, 3) == [1, 2, 3]
    time.sleep(0.5)  # the attempts' record follows the nack's answer
    instance.kill()
    instance.start(keep_ports=True)
    wait_for_server(lambda: clients.subscriber.get_subscription(
        request={"subscription": name}, **QUICK))
    assert fail(clients, name, 2, first=4) == [4, 5]
    received = clients.pull_all(dead, 1)
    assert datas(received) == [b"poison"]
    instance.kill()
    instance.start(keep_ports=True)
    wait_for_server(lambda: clients.subscriber.get_subscription(
        request={"subscription": name}, **QUICK))
    assert clients.nothing_to_pull(name)
    again = clients.pull_all(dead, 1)
    assert [r.message.message_id for r in again] == [received[0].message.message_id]
    clients.ack(dead, again)
    assert clients.nothing_to_pull(dead)
    clients.close()


def test_a_dead_letter_does_not_wedge_its_key(clients):
    topic, name, dead = dead_letter_pair(clients, enable_message_ordering=True)
    clients.publish_messages(topic, [{"data": f"k{i}".encode(), "ordering_key": "k"} for i in range(10)])
    done, deliveries, lock = [], [], threading.Lock()

    def callback(message):
        with lock:
            deliveries.append(message.data)
        if message.data == b"k3":
            message.nack()
            return
        with lock:
            done.append(message.data)
        message.ack()

    stream = clients.stream(name, callback)
    wait_until(lambda: len(set(done)) == 9 and deliveries.count(b"k3") >= 5, 60,
               "every other message of the key is acknowledged and k3 failed five times")
    received = clients.pull_all(dead, 1)
    stream.cancel()
    stream.result(timeout=20)
    first = list(dict.fromkeys(done))
    assert first == [f"k{i}".encode() for i in range(10) if i != 3]
    assert deliveries.count(b"k3") == 5
    assert datas(received) == [b"k3"] and received[0].message.ordering_key == "k"


def test_without_its_topic_a_dead_letter_is_delivered_on(clients):
    dead_topic = clients.topic()
    topic, name = clients.pair(dead_letter_policy={"dead_letter_topic": dead_topic})
    clients.publisher.delete_topic(request={"topic": dead_topic}, **QUICK)
    clients.publish(topic, b"poison")
    assert fail(clients, name, 7) == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(exceptions.NotFound):
        clients.subscription(topic, dead_letter_policy={"dead_letter_topic": dead_topic})
