"""Publishing: what arrives is what was sent; limits; the client's batching."""
import datetime

from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient

from outcome import expect, expect_error, require
from python_client.session import scenarios


@scenarios("publish")
def publish(s):
    topic, subscription = s.pair(enable_message_ordering=True)
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
    ids = s.publish_messages(topic, [
        {"data": bytes(range(256)), "attributes": {"a": "1", "ü": "größe", "empty": ""}, "ordering_key": "k"},
        {"attributes": {"only": "attributes"}}])
    expect("distinct ids", len(set(ids)), 2)
    received = {r.message.message_id: r.message for r in s.take(subscription, 2)}
    expect("ids", sorted(received), sorted(ids))
    first, second = received[ids[0]], received[ids[1]]
    expect("data", first.data, bytes(range(256)))
    expect("attributes", dict(first.attributes), {"a": "1", "ü": "größe", "empty": ""})
    expect("ordering key", first.ordering_key, "k")
    expect("attributes alone", dict(second.attributes), {"only": "attributes"})
    require(f"publish time {first.publish_time}", before < first.publish_time < before + datetime.timedelta(minutes=1))


@scenarios("batching")
def batching(s):
    topic, subscription = s.pair()
    with s.server.client_environment():
        publisher = pubsub_v1.PublisherClient(batch_settings=pubsub_v1.types.BatchSettings(max_messages=50, max_latency=0.05))
    futures = [publisher.publish(topic, f"m{n}".encode(), number=str(n)) for n in range(300)]
    ids = [future.result(timeout=20) for future in futures]
    publisher.stop()
    expect("distinct ids", len(set(ids)), 300)
    received = s.take(subscription, 300)
    expect("the messages", {r.message.data for r in received}, {f"m{n}".encode() for n in range(300)})
    expect("each id is its message's", {r.message.message_id: r.message.data for r in received},
           {ids[n]: f"m{n}".encode() for n in range(300)})


@scenarios("publish-limits")
def publish_limits(s):
    topic, subscription = s.pair()

    def refused(what, *messages):
        expect_error(what, "INVALID_ARGUMENT", s.publish_messages, topic, list(messages))

    refused("no message")
    refused("an empty message", {})
    refused("101 attributes", {"attributes": {f"k{n}": "v" for n in range(101)}})
    refused("a key of 257 bytes", {"attributes": {"k" * 257: "v"}})
    refused("a value of 1025 bytes", {"attributes": {"k": "v" * 1025}})
    refused("an empty key", {"attributes": {"": "v"}})
    refused("an ordering key of 1025 bytes", {"data": b"x", "ordering_key": "k" * 1025})
    refused("1001 messages", *[{"data": b"x"}] * 1001)
    refused("a bad message beside a good one", {"data": b"good"}, {})
    s.publish_messages(topic, [{"attributes": {"k" * 256: "v" * 1024, **{f"k{n}": "v" for n in range(99)}}}])
    expect("the message at the limits", len(s.take(subscription, 1)[0].message.attributes), 100)
    s.none(subscription, "something of a refused request was stored")
    s.publish_messages(topic, [{"data": b"x"}] * 1000)


@scenarios("publish-10mb")
def publish_10mb(s):
    topic, subscription = s.pair()
    big = b"0123456789abcdef" * (9_900_000 // 16)
    PublisherClient.publish(s.publisher, request={"topic": topic, "messages": [{"data": big}]}, timeout=60, retry=None)
    received = s.wide_subscriber.pull(request={"subscription": subscription, "max_messages": 1}, timeout=30,
                                      retry=None).received_messages
    require("it did not arrive", received)
    require("it arrived changed", received[0].message.data == big)
    expect_error("11 MB", "INVALID_ARGUMENT", PublisherClient.publish, s.publisher,
                 request={"topic": topic, "messages": [{"data": b"x" * 11_000_000}]}, timeout=60, retry=None)
