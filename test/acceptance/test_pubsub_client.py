"""Google's own Python client, unmodified, against the Pub/Sub door."""
import collections
import queue
import threading
import time
import uuid

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import PublisherClient, types

from instance import wait_until
from pipeline import PROJECT

QUICK = {"timeout": 10, "retry": None}


class Clients:
    """A publisher and a subscriber, made as any program makes them: from the environment alone."""

    def __init__(self, instance):
        with instance.client_environment() as project:
            self.publisher = pubsub_v1.PublisherClient()
            self.ordered_publisher = pubsub_v1.PublisherClient(
                publisher_options=pubsub_v1.types.PublisherOptions(enable_message_ordering=True))
            self.subscriber = pubsub_v1.SubscriberClient()
        self.project = f"projects/{project}"

    def close(self):
        self.publisher.stop()
        self.ordered_publisher.stop()
        self.subscriber.close()

    def topic(self, **settings):
        name = f"{self.project}/topics/t-{uuid.uuid4().hex[:12]}"
        return self.publisher.create_topic(request={"name": name, **settings}, **QUICK).name

    def subscription(self, topic, **settings):
        name = f"{self.project}/subscriptions/s-{uuid.uuid4().hex[:12]}"
        request = {"name": name, "topic": topic, "ack_deadline_seconds": 60, **settings}
        return self.subscriber.create_subscription(request=request, **QUICK).name

    def pair(self, **settings):
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def publish(self, topic, *datas, **attributes):
        return self.publish_messages(topic, [{"data": d, "attributes": attributes} for d in datas])

    def publish_messages(self, topic, messages):
        """One Publish call with exactly these messages; the client's own publish() batches."""
        request = {"topic": topic, "messages": messages}
        return list(PublisherClient.publish(self.publisher, request=request, **QUICK).message_ids)

    def pull(self, subscription, count=100, seconds=10):
        """At least one message, or an empty list after a while."""
        try:
            return list(self.subscriber.pull(
                request={"subscription": subscription, "max_messages": count}, timeout=seconds,
                retry=None).received_messages)
        except exceptions.DeadlineExceeded:
            return []

    def pull_all(self, subscription, count, seconds=20):
        received, deadline = [], time.monotonic() + seconds
        while len(received) < count and time.monotonic() < deadline:
            received += self.pull(subscription, count - len(received), seconds=5)
        return received

    def nothing_to_pull(self, subscription, seconds=1.5):
        return self.pull(subscription, seconds=seconds) == []

    def ack(self, subscription, received):
        self.subscriber.acknowledge(
            request={"subscription": subscription, "ack_ids": [r.ack_id for r in received]}, **QUICK)

    def extend(self, subscription, received, seconds):
        self.subscriber.modify_ack_deadline(
            request={"subscription": subscription, "ack_ids": [r.ack_id for r in received],
                     "ack_deadline_seconds": seconds}, **QUICK)


@pytest.fixture(scope="module")
def clients(shared):
    made = Clients(shared)
    yield made
    made.close()


def datas(received):
    return [r.message.data for r in received]


# Topics.

def test_topics_are_created_read_listed_updated_and_deleted(clients):
    topic = clients.topic(labels={"team": "blue"}, message_retention_duration=duration_pb2.Duration(seconds=3600))
    read = clients.publisher.get_topic(request={"topic": topic}, **QUICK)
    assert read.name == topic and dict(read.labels) == {"team": "blue"}
    assert read.message_retention_duration.total_seconds() == 3600
    listed = [t.name for t in clients.publisher.list_topics(request={"project": clients.project}, **QUICK)]
    assert topic in listed and f"{clients.project}/topics/Data" in listed

    updated = clients.publisher.update_topic(
        request={"topic": {"name": topic, "labels": {"team": "red"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["labels"])}, **QUICK)
    assert dict(updated.labels) == {"team": "red"}
    assert updated.message_retention_duration.total_seconds() == 3600, "outside the mask, so unchanged"

    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(request={"topic": topic}, **QUICK)
    listed = [t.name for t in clients.publisher.list_topics(request={"project": clients.project}, **QUICK)]
    assert topic not in listed


def test_listing_topics_pages_through_all_of_them_once(clients):
    names = {clients.topic() for _ in range(7)}
    pages = list(clients.publisher.list_topics(request={"project": clients.project, "page_size": 3}, **QUICK).pages)
    listed = [t.name for page in pages for t in page.topics]
    assert all(len(page.topics) <= 3 for page in pages) and len(pages) >= 3
    assert len(listed) == len(set(listed)) and names <= set(listed)


def test_a_second_topic_of_one_name_is_refused_as_already_existing(clients):
    topic = clients.topic()
    with pytest.raises(exceptions.AlreadyExists):
        clients.publisher.create_topic(request={"name": topic}, **QUICK)


@pytest.mark.parametrize("name", ["no-prefix", f"projects/{PROJECT}/topics/ab", f"projects/{PROJECT}/topics/1abc",
                                  f"projects/{PROJECT}/topics/goog-x", f"projects/{PROJECT}/topics/with space",
                                  f"projects/{PROJECT}/topics/" + "x" * 256])
def test_a_bad_topic_name_is_an_invalid_argument(clients, name):
    with pytest.raises(exceptions.InvalidArgument):
        clients.publisher.create_topic(request={"name": name}, **QUICK)


def test_what_a_missing_topic_is_asked_for_is_not_found(clients):
    missing = f"{clients.project}/topics/missing"
    for call in (lambda: clients.publisher.get_topic(request={"topic": missing}, **QUICK),
                 lambda: clients.publisher.delete_topic(request={"topic": missing}, **QUICK),
                 lambda: clients.publish(missing, b"x"),
                 lambda: clients.subscription(missing)):
        with pytest.raises(exceptions.NotFound) as error:
            call()
        assert "missing" in str(error.value)


# Subscriptions.

def test_subscriptions_are_created_read_listed_updated_and_deleted(clients):
    topic = clients.topic()
    name = clients.subscription(topic, ack_deadline_seconds=33, labels={"a": "b"},
                                filter='attributes.kind = "x"', enable_message_ordering=True)
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert (read.name, read.topic, read.ack_deadline_seconds) == (name, topic, 33)
    assert dict(read.labels) == {"a": "b"} and read.filter == 'attributes.kind = "x"' and read.enable_message_ordering
    listed = [s.name for s in clients.subscriber.list_subscriptions(request={"project": clients.project}, **QUICK)]
    assert name in listed
    assert list(clients.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)) == [name]

    updated = clients.subscriber.update_subscription(
        request={"subscription": {"name": name, "ack_deadline_seconds": 44, "labels": {"ignored": "yes"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["ack_deadline_seconds"])}, **QUICK)
    assert updated.ack_deadline_seconds == 44 and dict(updated.labels) == {"a": "b"}

    clients.subscriber.delete_subscription(request={"subscription": name}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert list(clients.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)) == []


def test_a_subscription_without_deadline_gets_ten_seconds_as_in_pubsub(clients):
    name = clients.subscription(clients.topic(), ack_deadline_seconds=0)
    assert clients.subscriber.get_subscription(request={"subscription": name}, **QUICK).ack_deadline_seconds == 10


def test_a_second_subscription_of_one_name_is_refused_as_already_existing(clients):
    topic, name = clients.pair()
    with pytest.raises(exceptions.AlreadyExists):
        clients.subscriber.create_subscription(request={"name": name, "topic": topic}, **QUICK)


@pytest.mark.parametrize("settings", [{"ack_deadline_seconds": 5}, {"ack_deadline_seconds": 601},
                                      {"filter": "attributes.kind ="}, {"filter": "kind = 'x'"},
                                      {"name": f"projects/{PROJECT}/subscriptions/1bad"}])
def test_a_bad_subscription_is_an_invalid_argument(clients, settings):
    topic = clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(topic, **settings)


def test_an_update_of_an_unknown_or_immutable_field_is_refused(clients):
    _, name = clients.pair(filter='attributes.a = "1"')
    for path in ("no_such_field", "filter", "topic"):
        with pytest.raises((exceptions.InvalidArgument, exceptions.MethodNotImplemented)) as error:
            clients.subscriber.update_subscription(
                request={"subscription": {"name": name, "filter": "", "topic": clients.topic()},
                         "update_mask": field_mask_pb2.FieldMask(paths=[path])}, **QUICK)
        assert path in str(error.value)
    assert clients.subscriber.get_subscription(request={"subscription": name}, **QUICK).filter == 'attributes.a = "1"'


def test_what_a_missing_subscription_is_asked_for_is_not_found(clients):
    missing = f"{clients.project}/subscriptions/missing"
    for call in (lambda: clients.subscriber.get_subscription(request={"subscription": missing}, **QUICK),
                 lambda: clients.subscriber.delete_subscription(request={"subscription": missing}, **QUICK),
                 lambda: clients.subscriber.pull(request={"subscription": missing, "max_messages": 1}, **QUICK),
                 lambda: clients.subscriber.acknowledge(request={"subscription": missing, "ack_ids": ["x"]}, **QUICK)):
        with pytest.raises(exceptions.NotFound) as error:
            call()
        assert "missing" in str(error.value)


def test_a_subscription_gets_only_what_is_published_after_it(clients):
    topic = clients.topic()
    clients.publish(topic, b"before")
    name = clients.subscription(topic)
    clients.publish(topic, b"after")
    received = clients.pull(name)
    assert datas(received) == [b"after"]


def test_a_subscription_of_a_deleted_topic_keeps_its_messages_and_names_the_deletion(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"kept")
    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    assert clients.subscriber.get_subscription(request={"subscription": name}, **QUICK).topic == "_deleted-topic_"
    assert datas(clients.pull(name)) == [b"kept"]


UNSUPPORTED_SUBSCRIPTIONS = {
    "push_config": {"push_config": {"push_endpoint": "http://127.0.0.1:1/push"}},
    "dead_letter_policy": {"dead_letter_policy": {"dead_letter_topic": f"projects/{PROJECT}/topics/Data-dead"}},
    "enable_exactly_once_delivery": {"enable_exactly_once_delivery": True},
    "bigquery_config": {"bigquery_config": {"table": "p.d.t"}},
    "cloud_storage_config": {"cloud_storage_config": {"bucket": "b"}},
}


@pytest.mark.parametrize("field", UNSUPPORTED_SUBSCRIPTIONS)
def test_a_field_that_is_not_supported_is_refused_by_name_and_never_ignored(clients, field):
    """Either it works, shown by reading it back, or UNIMPLEMENTED names it."""
    topic = clients.topic()
    try:
        name = clients.subscription(topic, **UNSUPPORTED_SUBSCRIPTIONS[field])
    except exceptions.MethodNotImplemented as error:
        assert field in str(error) or field.removeprefix("enable_") in str(error)
    else:
        read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
        assert types.Subscription.pb(read).HasField(field) if field != "enable_exactly_once_delivery" else getattr(
            read, field)


def test_a_topic_field_that_is_not_supported_is_refused_by_name(clients):
    name = f"{clients.project}/topics/unsupported"
    for field, value in (("kms_key_name", "projects/p/locations/l/keyRings/r/cryptoKeys/k"),
                         ("ingestion_data_source_settings", {"aws_kinesis": {"stream_arn": "arn"}})):
        with pytest.raises(exceptions.MethodNotImplemented) as error:
            clients.publisher.create_topic(request={"name": name, field: value}, **QUICK)
        assert field in str(error.value)
    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(request={"topic": name}, **QUICK)


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
    topic, name = clients.pair()
    clients.publish(topic, b"again")
    first = clients.pull(name)
    begin = time.monotonic()
    clients.extend(name, first, 0)
    second = clients.pull(name)
    assert datas(second) == [b"again"] and time.monotonic() - begin < 5
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
    assert 8 <= time.monotonic() - begin <= 16
    clients.ack(name, again + [received[b"extended"]])
    assert clients.nothing_to_pull(name)


def test_unknown_ack_ids_are_ignored_as_in_pubsub(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"x")
    received = clients.pull(name)
    clients.subscriber.acknowledge(
        request={"subscription": name, "ack_ids": ["nonsense", received[0].ack_id[::-1]]}, **QUICK)
    clients.extend(name, received, 0)
    assert datas(clients.pull(name)) == [b"x"]


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

def streaming(clients, name, callback, **options):
    return clients.subscriber.subscribe(name, callback, await_callbacks_on_shutdown=True, **options)


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

    future = streaming(clients, name, callback)
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
    future = streaming(clients, name, lambda m: (m.ack(), got.put((m.data, time.monotonic()))))
    slowest = 0
    for i in range(20):
        begin = time.monotonic()
        clients.publish(topic, str(i).encode())
        data, at = got.get(timeout=10)
        assert data == str(i).encode()
        slowest = max(slowest, at - begin)
    future.cancel()
    future.result(timeout=20)
    assert slowest < 2, "a waiting stream is woken, not polled"


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

    future = streaming(clients, name, callback)
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

    future = streaming(clients, name, callback, flow_control=pubsub_v1.types.FlowControl(max_messages=5))
    assert done.wait(timeout=30)
    future.cancel()
    future.result(timeout=20)
    assert most[0] <= 5 and seen[0] == 100


def test_a_stream_ends_with_not_found_when_its_subscription_is_deleted(clients):
    _, name = clients.pair()
    future = streaming(clients, name, lambda m: m.ack())
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

    future = streaming(clients, name, callback)
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
    while (len(set(log["a"])) < 3 or len(set(log["b"])) < 3) and time.monotonic() < deadline:
        for r in clients.pull(name, 10, seconds=3):
            data, key = r.message.data.decode(), r.message.ordering_key
            if data == "a0" and not nacked:
                nacked = True
                clients.extend(name, [r], 0)
                continue
            log[key].append(data)
            clients.ack(name, [r])
    # After the nack a0 comes first again, then its followers in order; b never waits.
    trail = log["a"][log["a"].index("a0"):]
    assert trail == ["a0", "a1", "a2"] and log["b"] == ["b0", "b1", "b2"]


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


def test_topics_subscriptions_updates_and_deletions_survive_kill(launch):
    instance = launch()
    clients = Clients(instance)
    kept, deleted = clients.topic(labels={"k": "v"}), clients.topic()
    name = clients.subscription(kept, filter='attributes.a = "b"', ack_deadline_seconds=42)
    clients.subscriber.update_subscription(
        request={"subscription": {"name": name, "labels": {"late": "yes"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["labels"])}, **QUICK)
    clients.publisher.delete_topic(request={"topic": deleted}, **QUICK)
    clients.close()
    instance.restart()

    clients = Clients(instance)
    assert dict(clients.publisher.get_topic(request={"topic": kept}, **QUICK).labels) == {"k": "v"}
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert (read.topic, read.filter, read.ack_deadline_seconds, dict(read.labels)) == (
        kept, 'attributes.a = "b"', 42, {"late": "yes"})
    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(request={"topic": deleted}, **QUICK)
    clients.close()


def test_a_recreated_topic_starts_empty_and_gives_new_ids(clients):
    topic, old = clients.pair()
    first = clients.publish(topic, b"old")
    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    clients.publisher.create_topic(request={"name": topic}, **QUICK)
    new = clients.subscription(topic)
    second = clients.publish(topic, b"new")
    assert set(first).isdisjoint(second)
    assert datas(clients.pull(new)) == [b"new"]
    assert datas(clients.pull(old)) == [b"old"]


def test_a_client_reconnects_by_itself_after_kill(launch):
    instance = launch()
    clients = Clients(instance)
    topic, name = clients.pair()
    got, lock = set(), threading.Lock()

    def callback(message):
        with lock:
            got.add(message.data)
        message.ack()

    future = streaming(clients, name, callback)
    clients.publisher.publish(topic, b"before").result(timeout=20)
    wait_until(lambda: b"before" in got, what="the first delivery")
    instance.restart(keep_ports=True)
    clients.publisher.publish(topic, b"after").result(timeout=30)
    wait_until(lambda: b"after" in got, 40, "delivery after the restart")
    future.cancel()
    future.result(timeout=20)
    clients.close()
