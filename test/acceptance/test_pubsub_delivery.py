"""Publish, pull, acks, streams, ordering and filters through Google's client."""
import collections
import queue
import threading
import time

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1

from google_clients import QUICK, Clients, datas
from instance import wait_until


# Publish.

def test_batched_publish_gives_each_message_an_id_of_its_own(clients):
    topic, name = clients.pair()
    futures = [clients.publisher.publish(topic, f"m{i}".encode(), number=str(i)) for i in range(500)]
    ids = [f.result(timeout=20) for f in futures]
    assert len(set(ids)) == 500
    received = clients.pull_all(name, 500)
    assert {r.message.message_id: r.message.data for r in received} == {
        ids[i]: f"m{i}".encode() for i in range(500)}
    assert all(r.message.attributes["number"] == r.message.data.decode()[1:] for r in received)


def test_ids_and_publish_times_of_one_topic_grow_in_publish_order(clients):
    topic, name = clients.pair()
    ids = [i for k in range(10) for i in clients.publish(topic, *(f"{k}-{n}".encode() for n in range(5)))]
    received = sorted(clients.pull_all(name, 50), key=lambda r: ids.index(r.message.message_id))
    times = [r.message.publish_time for r in received]
    assert len(received) == 50 and times == sorted(times)
    assert all(abs(t.timestamp() - time.time()) < 300 for t in times)


def test_data_and_attributes_arrive_byte_for_byte(clients):
    topic, name = clients.pair()
    data = bytes(range(256)) * 40
    attributes = {"empty": "", "tilde": "ñandú ☂ 𝄞", "quote": "\"'\\\n\t", "long": "x" * 1024}
    clients.publish(topic, data, **attributes)
    clients.publish(topic, b"", only="attributes")
    received = {len(r.message.data): r.message for r in clients.pull_all(name, 2)}
    assert received[len(data)].data == data and dict(received[len(data)].attributes) == attributes
    assert dict(received[0].attributes) == {"only": "attributes"}


@pytest.mark.parametrize("bad", [
    [], [{}], [{"data": b"ok"}, {}], [{"data": b"x"}] * 1001,
    [{"data": b"x", "attributes": {"k" * 257: "v"}}], [{"data": b"x", "attributes": {"k": "v" * 1025}}],
    [{"data": b"x", "attributes": {f"k{i}": "v" for i in range(101)}}],
    [{"data": b"x", "attributes": {"": "v"}}], [{"data": b"x", "attributes": {"googfoo": "v"}}],
    [{"data": b"x", "ordering_key": "k" * 1025}],
], ids=["nothing", "empty-message", "one-empty-of-two", "too-many", "long-key", "long-value", "many-attributes",
        "empty-key", "reserved-key", "long-ordering-key"])
def test_a_publish_beyond_pubsubs_limits_is_refused_whole(clients, bad):
    topic, name = clients.pair()
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish_messages(topic, bad)
    assert clients.nothing_to_pull(name, 0.5)


# Pull, ack, nack, leases.

def test_an_acknowledged_message_is_not_delivered_again(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"a", b"b")
    received = clients.pull_all(name, 2)
    clients.ack(name, received[:1])
    clients.extend(name, received[1:], 0)
    again = clients.pull(name)
    assert datas(again) == datas(received[1:])
    clients.ack(name, again)
    assert clients.nothing_to_pull(name)


def test_a_leased_message_is_not_delivered_to_another_pull(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"leased")
    assert len(clients.pull(name)) == 1
    assert clients.nothing_to_pull(name)


def test_a_deadline_of_zero_is_a_nack_and_redelivers_at_once(clients):
    topic, name = clients.pair(ack_deadline_seconds=600)
    clients.publish(topic, b"again")
    first = clients.pull(name)
    clients.extend(name, first, 0)
    second = clients.pull(name)
    assert datas(second) == [b"again"]
    assert second[0].ack_id != first[0].ack_id
    assert second[0].message.message_id == first[0].message.message_id


def test_a_lease_that_runs_out_redelivers_and_an_extended_one_does_not(clients):
    topic, name = clients.pair(ack_deadline_seconds=10)
    clients.publish(topic, b"short", b"extended")
    received = {r.message.data: r for r in clients.pull_all(name, 2)}
    begin = time.monotonic()
    clients.extend(name, [received[b"extended"]], 60)
    assert clients.nothing_to_pull(name, 7)
    again = clients.pull(name, seconds=10)
    assert datas(again) == [b"short"]
    assert time.monotonic() - begin >= 8
    clients.ack(name, again + [received[b"extended"]])
    assert clients.nothing_to_pull(name)


def test_an_ack_is_idempotent_and_a_nonsensical_one_acknowledges_nothing(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"x", b"y")
    received = clients.pull_all(name, 2)
    clients.ack(name, received[:1])
    clients.ack(name, received[:1])
    for nonsense in ("nonsense", received[1].ack_id[::-1], "x" * 10_000, "\u2602"):
        try:
            clients.subscriber.acknowledge(request={"subscription": name, "ack_ids": [nonsense]}, **QUICK)
        except exceptions.InvalidArgument:
            pass  # Pub/Sub's answer to an ack id that it never made
    clients.extend(name, received[1:], 0)
    assert datas(clients.pull(name)) == datas(received[1:])


def test_an_ack_id_of_another_subscription_acknowledges_nothing(clients):
    topic, first = clients.pair()
    second = clients.subscription(topic)
    clients.publish(topic, b"x")
    mine, theirs = clients.pull(first), clients.pull(second)
    try:
        clients.ack(first, theirs)
    except exceptions.InvalidArgument:
        pass
    clients.extend(first, mine, 0)
    clients.extend(second, theirs, 0)
    assert datas(clients.pull(first)) == [b"x"] and datas(clients.pull(second)) == [b"x"]


@pytest.mark.parametrize("seconds", [-1, 601])
def test_a_deadline_out_of_range_is_an_invalid_argument(clients, seconds):
    topic, name = clients.pair()
    clients.publish(topic, b"x")
    received = clients.pull(name)
    with pytest.raises(exceptions.InvalidArgument):
        clients.extend(name, received, seconds)


@pytest.mark.parametrize("count", [0, -5])
def test_pulling_no_messages_is_an_invalid_argument(clients, count):
    _, name = clients.pair()
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscriber.pull(request={"subscription": name, "max_messages": count}, **QUICK)


def test_each_subscription_gets_every_message(clients):
    topic, first = clients.pair()
    second = clients.subscription(topic)
    clients.publish(topic, b"1", b"2", b"3")
    for name in (first, second):
        received = clients.pull_all(name, 3)
        assert sorted(datas(received)) == [b"1", b"2", b"3"]
        clients.ack(name, received)


def test_competing_pulls_share_the_messages_without_overlap(clients):
    topic, name = clients.pair()
    clients.publish(topic, *(str(i).encode() for i in range(60)))
    taken, results = queue.Queue(), []

    def work():
        for _ in range(6):
            for r in clients.pull(name, 10, seconds=2):
                taken.put(r.message.data)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    while not taken.empty():
        results.append(taken.get())
    assert sorted(results, key=int) == [str(i).encode() for i in range(60)]


# Streaming pull.



def test_streaming_pull_delivers_a_thousand_messages_once_each(clients):
    topic, name = clients.pair()
    for k in range(10):
        clients.publish(topic, *(f"{k}-{i}".encode() for i in range(100)))
    counts, lock, done = collections.Counter(), threading.Lock(), threading.Event()

    def callback(message):
        message.ack()
        with lock:
            counts[message.data] += 1
            if len(counts) == 1000:
                done.set()

    future = clients.stream(name, callback)
    assert done.wait(timeout=30), f"only {len(counts)} of 1000 came"
    time.sleep(0.5)
    future.cancel()
    future.result(timeout=20)
    assert set(counts) == {f"{k}-{i}".encode() for k in range(10) for i in range(100)}
    assert max(counts.values()) == 1
    assert clients.nothing_to_pull(name)


def test_streaming_pull_delivers_what_is_published_while_it_is_open(clients):
    topic, name = clients.pair()
    got = queue.Queue()
    future = clients.stream(name, lambda m: (m.ack(), got.put(m.data)))
    for i in range(20):
        clients.publish(topic, str(i).encode())
        assert got.get(timeout=30) == str(i).encode()
    future.cancel()
    future.result(timeout=20)


def test_a_nacked_message_comes_again_on_the_stream(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"stubborn")
    attempts, done = [], threading.Event()

    def callback(message):
        attempts.append(message.message_id)
        if len(attempts) < 3:
            message.nack()
        else:
            message.ack()
            done.set()

    future = clients.stream(name, callback)
    assert done.wait(timeout=20), attempts
    future.cancel()
    future.result(timeout=20)
    assert len(set(attempts)) == 1
    assert clients.nothing_to_pull(name)


def test_streaming_flow_control_bounds_what_is_outstanding(clients):
    topic, name = clients.pair()
    clients.publish(topic, *(str(i).encode() for i in range(100)))
    open_now, most, seen, lock, done = set(), [0], [0], threading.Lock(), threading.Event()

    def callback(message):
        with lock:
            open_now.add(message.message_id)
            most[0] = max(most[0], len(open_now))
        time.sleep(0.005)
        with lock:
            open_now.discard(message.message_id)
            seen[0] += 1
            if seen[0] >= 100:
                done.set()
        message.ack()

    future = clients.stream(name, callback, flow_control=pubsub_v1.types.FlowControl(max_messages=5))
    assert done.wait(timeout=30)
    future.cancel()
    future.result(timeout=20)
    assert most[0] <= 5 and seen[0] == 100


def test_a_stream_ends_with_not_found_when_its_subscription_is_deleted(clients):
    _, name = clients.pair()
    future = clients.stream(name, lambda m: m.ack())
    time.sleep(0.3)
    clients.subscriber.delete_subscription(request={"subscription": name}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        future.result(timeout=20)


# Ordering and filters.

def test_messages_of_one_ordering_key_arrive_in_publish_order(clients):
    topic, name = clients.pair(enable_message_ordering=True)
    futures = [clients.ordered_publisher.publish(topic, f"{i}".encode(), ordering_key=f"key{i % 7}")
               for i in range(350)]
    for future in futures:
        future.result(timeout=20)
    order, lock, done = collections.defaultdict(list), threading.Lock(), threading.Event()

    def callback(message):
        with lock:
            order[message.ordering_key].append(int(message.data))
            if sum(map(len, order.values())) >= 350:
                done.set()
        message.ack()

    future = clients.stream(name, callback)
    assert done.wait(timeout=30), {k: len(v) for k, v in order.items()}
    future.cancel()
    future.result(timeout=20)
    assert order == {f"key{k}": list(range(k, 350, 7)) for k in range(7)}


def test_a_nacked_message_holds_back_the_later_ones_of_its_key_only(clients):
    topic, name = clients.pair(enable_message_ordering=True)
    clients.publish_messages(topic, [{"data": f"a{i}".encode(), "ordering_key": "a"} for i in range(3)])
    clients.publish_messages(topic, [{"data": f"b{i}".encode(), "ordering_key": "b"} for i in range(3)])
    log = {"a": [], "b": []}
    deadline, nacked = time.monotonic() + 20, False
    while (len(log["a"]) < 3 or len(log["b"]) < 3) and time.monotonic() < deadline:
        received = clients.pull(name, 10, seconds=3)
        if not nacked:
            of_a = [r for r in received if r.message.ordering_key == "a"]
            received = [r for r in received if r not in of_a]
            if of_a:
                clients.extend(name, of_a, 0)
                nacked = True
        for r in received:
            log[r.message.ordering_key].append(r.message.data.decode())
            clients.ack(name, [r])
    assert log == {"a": ["a0", "a1", "a2"], "b": ["b0", "b1", "b2"]}


@pytest.mark.parametrize("text, expected", [
    ('attributes.kind = "x"', {b"x1", b"x2"}), ('attributes:extra', {b"x2"}),
    ('attributes.kind != "x"', {b"y1", b"none"}), ('hasPrefix(attributes.kind, "y")', {b"y1"}),
    ('attributes.kind = "x" AND NOT attributes:extra', {b"x1"}),
    ('attributes.kind = "y" OR attributes:extra', {b"y1", b"x2"}),
])
def test_a_filter_delivers_exactly_what_matches(clients, text, expected):
    topic = clients.topic()
    name = clients.subscription(topic, filter=text)
    clients.publish(topic, b"x1", kind="x")
    clients.publish(topic, b"x2", kind="x", extra="")
    clients.publish(topic, b"y1", kind="y")
    clients.publish(topic, b"none")
    received = clients.pull_all(name, len(expected), seconds=10)
    assert set(datas(received)) == expected
    clients.ack(name, received)
    assert clients.nothing_to_pull(name, 0.5)


# Durability.

def test_acks_survive_kill_and_what_was_not_acked_comes_back(launch):
    instance = launch()
    clients = Clients(instance)
    topic, name = clients.pair()
    ids = clients.publish(topic, *(str(i).encode() for i in range(200)))
    received = clients.pull_all(name, 200)
    acked, left = received[:120], received[120:]
    clients.ack(name, acked)
    clients.close()
    instance.restart()

    clients = Clients(instance)
    again = clients.pull_all(name, len(left), seconds=30)
    assert {r.message.message_id for r in again} == {r.message.message_id for r in left}
    assert clients.nothing_to_pull(name, 2)
    assert {r.message.message_id for r in received} == set(ids)
    clients.ack(name, again)
    clients.close()
    instance.restart()

    clients = Clients(instance)
    assert clients.nothing_to_pull(name, 2), "every message was acknowledged before the second kill"
    clients.close()


def test_a_client_reconnects_by_itself_after_kill(launch):
    instance = launch()
    clients = Clients(instance)
    topic, name = clients.pair()
    got, lock = set(), threading.Lock()

    def callback(message):
        with lock:
            got.add(message.data)
        message.ack()

    future = clients.stream(name, callback)
    clients.publisher.publish(topic, b"before").result(timeout=20)
    wait_until(lambda: b"before" in got, what="the first delivery")
    instance.restart(keep_ports=True)
    clients.publisher.publish(topic, b"after").result(timeout=30)
    wait_until(lambda: b"after" in got, 40, "delivery after the restart")
    future.cancel()
    future.result(timeout=20)
    clients.close()
