"""Delivery: pull, streams, leases, redelivery, order, filters."""
import collections
import threading
import time

from google.cloud import pubsub_v1

from outcome import expect, expect_error, require
from python_client.session import QUICK, Stream, scenarios


@scenarios("pull")
def pull(s):
    topic, subscription = s.pair()
    ids = s.put(topic, "a", "b", "c")
    received = s.take(subscription, 3)
    expect("ids", sorted(r.message.message_id for r in received), sorted(ids))
    s.none(subscription, "a leased message was given out again")
    s.ack(subscription, received)
    s.extend(subscription, received, 0)
    s.none(subscription, "an acknowledged message came back")
    s.put(topic, *[str(n) for n in range(20)])
    received = s.pull(subscription, count=5)
    require(f"{len(received)} messages where 5 were asked for", 1 <= len(received) <= 5)


@scenarios("streaming-pull")
def streaming_pull(s):
    topic, subscription = s.pair()
    seen, done, lock = collections.Counter(), threading.Event(), threading.Lock()

    def callback(message):
        with lock:
            seen[message.message_id] += 1
            if len(seen) >= 500:
                done.set()
        message.ack()

    stream = s.callback_stream(subscription, callback)
    ids = s.put(topic, *[str(n) for n in range(500)])
    arrived = done.wait(20)
    time.sleep(0.5)
    stream.cancel()
    stream.result(timeout=10)
    require(f"{len(seen)} of 500 messages arrived", arrived)
    expect("the ids", sorted(seen), sorted(ids))
    expect("deliveries of each", max(seen.values()), 1)
    s.none(subscription, "an acknowledged message came back")


@scenarios("flow-control")
def flow_control(s):
    topic, subscription = s.pair()
    s.put(topic, *[f"{n:03d}" + "x" * 997 for n in range(30)])
    stream = Stream(s, subscription, max_outstanding_messages=5)
    first = stream.take(6, seconds=3)
    expect("messages beyond max_outstanding_messages=5", len(first), 5)
    stream.ack(first[:2])
    expect("messages after two acknowledgements", len(stream.take(3, seconds=3)), 2)
    stream.close()
    second = s.subscription(topic)
    s.put(topic, *["y" * 1000] * 20)
    stream = Stream(s, second, max_outstanding_messages=1000, max_outstanding_bytes=4500)
    count = len(stream.take(10, seconds=3))
    stream.close()
    require(f"{count} messages of 1000 bytes with max_outstanding_bytes=4500", 1 <= count <= 5)


@scenarios("lease-extension")
def lease_extension(s):
    topic, subscription = s.pair(ack_deadline_seconds=10)
    s.put(topic, "kept")
    received = s.take(subscription, 1)
    s.extend(subscription, received, 60)
    s.none(subscription, "given out again within the extended lease", seconds=12)
    s.extend(subscription, received, 1)
    s.take(subscription, 1, seconds=8)


@scenarios("nack")
def nack(s):
    topic, subscription = s.pair()
    s.put(topic, "again")
    first = s.take(subscription, 1)
    s.extend(subscription, first, 0)
    second = s.take(subscription, 1, seconds=8)
    expect("the message", second[0].message.message_id, first[0].message.message_id)
    tries, done = [], threading.Event()

    def callback(message):
        tries.append(message.message_id)
        if len(tries) == 3:
            message.ack()
            done.set()
        else:
            message.nack()

    s.ack(subscription, second)
    s.put(topic, "three times")
    stream = s.callback_stream(subscription, callback)
    done.wait(15)
    stream.cancel()
    stream.result(timeout=10)
    expect("deliveries on a stream that nacks twice", len(tries), 3)


@scenarios("redelivery")
def redelivery(s):
    topic, subscription = s.pair(ack_deadline_seconds=10)
    s.put(topic, "again")
    begin = time.monotonic()
    first = s.take(subscription, 1)
    s.none(subscription, "redelivered before its deadline", seconds=8)
    second = s.take(subscription, 1, seconds=15)
    expect("the message", second[0].message.message_id, first[0].message.message_id)
    require(f"redelivered after {time.monotonic() - begin:.1f} s with a deadline of 10 s", time.monotonic() - begin > 9)


@scenarios("ordering")
def ordering(s):
    topic, subscription = s.pair(enable_message_ordering=True)
    for n in range(150):
        s.ordered_publisher.publish(topic, f"{n}".encode(), ordering_key=f"k{n % 3}")
    seen, done, lock = collections.defaultdict(list), threading.Event(), threading.Lock()

    def callback(message):
        with lock:
            seen[message.ordering_key].append(int(message.data))
            if sum(map(len, seen.values())) == 150:
                done.set()
        message.ack()

    stream = s.callback_stream(subscription, callback)
    arrived = done.wait(20)
    stream.cancel()
    stream.result(timeout=10)
    require(f"{sum(map(len, seen.values()))} of 150 messages arrived", arrived)
    for key, numbers in seen.items():
        expect(f"order of {key}", numbers, sorted(numbers))


@scenarios("ordering-nack")
def ordering_nack(s):
    topic, subscription = s.pair(enable_message_ordering=True)
    s.publish_messages(topic, [{"data": str(n).encode(), "ordering_key": "k"} for n in range(5)]
                       + [{"data": b"other", "ordering_key": "free"}])
    seen, other, refused = [], [], []
    lock, done = threading.Lock(), threading.Event()

    def callback(message):
        with lock:
            if message.ordering_key == "free":
                other.append(1)
                return message.ack()
            number = int(message.data)
            if number == 1 and not refused:
                refused.append(1)
                return message.nack()
            seen.append(number)
            if number == 4 and 1 in seen:
                done.set()
        return message.ack()

    stream = s.callback_stream(subscription, callback)
    arrived = done.wait(20)
    stream.cancel()
    stream.result(timeout=10)
    require(f"the key stopped: {seen}", arrived)
    after = seen[len(seen) - 1 - seen[::-1].index(1):] if 1 in seen else []
    expect("after the nack of 1, in order", after, [1, 2, 3, 4])
    expect("the other key", len(other), 1)


@scenarios("delivery-attempt")
def delivery_attempt(s):
    plain_topic, plain = s.pair()
    s.put(plain_topic, "x")
    expect("without a dead-letter policy", s.take(plain, 1)[0].delivery_attempt, 0)
    topic = s.topic()
    subscription = s.subscription(topic, dead_letter_policy={"dead_letter_topic": s.topic(), "max_delivery_attempts": 10})
    s.put(topic, "x")
    attempts = []
    for _ in range(4):
        received = s.take(subscription, 1)
        attempts.append(received[0].delivery_attempt)
        s.extend(subscription, received, 0)
    expect("attempts", attempts, [1, 2, 3, 4])


@scenarios("dead-letter")
def dead_letter(s):
    topic, dead = s.topic(), s.topic()
    dead_subscription = s.subscription(dead)
    subscription = s.subscription(topic, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    s.put(topic, "poison", own="kept")
    for _ in range(5):
        s.extend(subscription, s.take(subscription, 1), 0)
    s.none(subscription, "a sixth delivery of five", seconds=2)
    message = s.take(dead_subscription, 1)[0].message
    expect("data", message.data, b"poison")
    attributes = dict(message.attributes)
    expect("its own attribute", attributes.get("own"), "kept")
    expect("delivery count", attributes.get("CloudPubSubDeadLetterSourceDeliveryCount"), "5")
    expect("source subscription", attributes.get("CloudPubSubDeadLetterSourceSubscription"),
           subscription.rsplit("/", 1)[1])
    expect("source project", attributes.get("CloudPubSubDeadLetterSourceSubscriptionProject"),
           s.project.rsplit("/", 1)[1])
    require("no publish time of the source", "CloudPubSubDeadLetterSourceTopicPublishTime" in attributes)
    expect_error("5 attempts at least", ("INVALID_ARGUMENT", "OUT_OF_RANGE"), s.subscription, topic,
                 dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 4})
    expect_error("100 attempts at most", ("INVALID_ARGUMENT", "OUT_OF_RANGE"), s.subscription, topic,
                 dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 101})


@scenarios("retry-policy")
def retry_policy(s):
    topic = s.topic()
    subscription = s.subscription(topic, retry_policy={"minimum_backoff": {"seconds": 3}, "maximum_backoff": {"seconds": 6}})
    s.put(topic, "later")
    received = s.take(subscription, 1)
    begin = time.monotonic()
    s.extend(subscription, received, 0)
    s.take(subscription, 1, seconds=12)
    waited = time.monotonic() - begin
    require(f"redelivered {waited:.1f} s after a nack with a minimum backoff of 3 s", 2.3 <= waited <= 9)
    expect_error("a backoff above 600 s", "INVALID_ARGUMENT", s.subscription, topic,
                 retry_policy={"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 601}})


@scenarios("filter")
def filters(s):
    topic = s.topic()
    cases = {'attributes.kind = "a"': {"a", "ab"}, 'attributes:extra': {"ab", "c"},
             'NOT attributes:extra': {"a", "none"}, 'hasPrefix(attributes.kind, "c")': {"c"},
             '(attributes.kind = "a" OR attributes.kind = "c-long") AND attributes:extra': {"ab", "c"},
             'attributes.kind != "a"': {"c", "none"}}
    made = {text: s.subscription(topic, filter=text) for text in cases}
    s.publish_messages(topic, [
        {"data": b"a", "attributes": {"kind": "a"}}, {"data": b"ab", "attributes": {"kind": "a", "extra": "1"}},
        {"data": b"c", "attributes": {"kind": "c-long", "extra": ""}}, {"data": b"none"}])
    for text, wanted in cases.items():
        received = {r.message.data.decode() for r in s.pull_all(made[text], len(wanted), 5)}
        expect(text, received, wanted)
        s.none(made[text], f"more than {text} asks for", seconds=0.5)
    stored = s.subscriber.get_subscription(request={"subscription": made["attributes:extra"]}, **QUICK)
    expect("the filter kept", stored.filter, "attributes:extra")
    expect_error("a wrong filter", "INVALID_ARGUMENT", s.subscription, topic, filter='attributes.kind = = "a"')
    expect_error("a filter on data", "INVALID_ARGUMENT", s.subscription, topic, filter='data = "a"')
    expect_error("changing a filter", "INVALID_ARGUMENT", s.subscriber.update_subscription,
                 request={"subscription": {"name": made["attributes:extra"], "filter": "attributes:other"},
                          "update_mask": {"paths": ["filter"]}}, **QUICK)


@scenarios("exactly-once")
def exactly_once(s):
    topic, subscription = s.pair(enable_exactly_once_delivery=True)
    results, seen, done = [], collections.Counter(), threading.Event()

    def callback(message):
        seen[message.message_id] += 1
        results.append(message.ack_with_response())
        if len(results) == 50:
            done.set()

    stream = s.callback_stream(subscription, callback)
    s.put(topic, *[str(n) for n in range(50)])
    arrived = done.wait(20)
    try:
        require(f"{len(results)} of 50 messages arrived", arrived)
        for result in results:
            expect("the acknowledgement", result.result(timeout=20), pubsub_v1.subscriber.exceptions.AcknowledgeStatus.SUCCESS)
    finally:
        stream.cancel()
        stream.result(timeout=10)
    expect("deliveries of each", max(seen.values()), 1)
    s.none(subscription, "an acknowledged message came back")


@scenarios("exactly-once-expired")
def exactly_once_expired(s):
    topic, subscription = s.pair(enable_exactly_once_delivery=True, ack_deadline_seconds=10)
    s.put(topic, "late")
    late = s.take(subscription, 1)
    s.none(subscription, "given out while it is leased", seconds=8)
    again = s.take(subscription, 1, seconds=15)
    text = expect_error("acknowledging with the expired id", "INVALID_ARGUMENT", s.ack, subscription, late)
    require(f"the failure does not name the id as permanent: {text}", "PERMANENT_FAILURE_INVALID_ACK_ID" in text)
    s.ack(subscription, again)
    s.none(subscription, "came back after the right acknowledgement", seconds=3)
    refused, done = [], threading.Event()

    def callback(message):
        if refused:
            return message.ack()
        s.extend(subscription, [message], 0)
        refused.append(message.ack_with_response())
        return done.set()

    s.put(topic, "expired on the stream")
    stream = s.callback_stream(subscription, callback)
    done.wait(10)
    try:
        refused[0].result(timeout=15)
        require("ack_with_response succeeded after the lease ended", False)
    except pubsub_v1.subscriber.exceptions.AcknowledgeError as error:
        expect("ack_with_response", error.error_code.name, "INVALID_ACK_ID")
    finally:
        stream.cancel()
        stream.result(timeout=10)
